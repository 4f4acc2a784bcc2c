// Floor test: minimal HTTP/1.1 proxy, one thread, epoll: parses every header line of the request and of the
// response, looks the Host up in a hash table, rewrites the head (drops Connection, adds X-Forwarded-For,
// X-Request-Id / server), counts a few stats, keeps a LIFO pool of idle upstream connections. No timeouts, no
// chunked, no pipelining: not a product.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
typedef struct c {
  int fd;
  int up;
  struct c *peer, *next;
  size_t n;
  long left;
  char buf[16384];
} c_t;
static int ep;
static c_t* idle;
static struct sockaddr_in ua;
static uint64_t stats[64], rid;
static uint32_t table[1 << 15];
static uint32_t hash(const char* p, size_t n) {
  uint32_t h = 2166136261u;
  while (n--) h = (h ^ (uint8_t)(*p++ | 32)) * 16777619u;
  return h;
}
static void add(c_t* c) {
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
}
static c_t* upstream(void) {
  c_t* u = idle;
  if (u) {
    idle = u->next;
    return u;
  }
  int one = 1;
  u = malloc(sizeof *u);
  u->up = 1;
  u->n = 0;
  u->left = 0;
  u->peer = 0;
  u->fd = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(u->fd, IPPROTO_TCP, TCP_NODELAY, &one, 4);
  if (connect(u->fd, (void*)&ua, sizeof ua)) {
    perror("up");
    exit(1);
  }
  fcntl(u->fd, F_SETFL, O_NONBLOCK);
  add(u);
  return u;
}
static void sendall(int fd, const char* p, size_t n) {
  while (n) {
    ssize_t w = send(fd, p, n, MSG_NOSIGNAL);
    if (w < 0) {
      if (errno == EAGAIN) continue;
      return;
    }
    p += w;
    n -= w;
  }
}
static void drop(c_t* c) {
  if (c->up) {
    for (c_t** i = &idle; *i; i = &(*i)->next)
      if (*i == c) {
        *i = c->next;
        break;
      }
  }
  close(c->fd);
}
static void on(c_t* c) {
  static char out[32768];
  ssize_t r = recv(c->fd, c->buf + c->n, sizeof c->buf - c->n, 0);
  if (r <= 0) {
    if (r < 0 && errno == EAGAIN) return;
    drop(c);
    return;
  }
  if (c->up && c->left) {
    sendall(c->peer->fd, c->buf, r);
    c->left -= r;
    if (c->left <= 0) {
      c->left = 0;
      c->next = idle;
      idle = c;
    }
    return;
  }
  c->n += r;
  char* e = memmem(c->buf, c->n, "\r\n\r\n", 4);
  if (!e) return;
  e += 2;
  size_t o = 0;
  char *l = c->buf, *h = 0;
  size_t hn = 0;
  long cl = 0;
  for (; l < e;) {
    char* q = memchr(l, '\n', e - l);
    size_t n = q - l + 1;
    if (l == c->buf) {
      memcpy(out + o, l, n);
      o += n;
    } else {
      char* k = memchr(l, ':', n);
      if (!k) {
        drop(c);
        return;
      }
      char* v = k + 1;
      while (*v == ' ') v++;
      size_t kn = k - l, vn = q - 1 - v;
      stats[hash(l, kn) & 63]++;
      if (kn == 4 && !strncasecmp(l, "host", 4)) {
        h = v;
        hn = vn;
      } else if (kn == 14 && !strncasecmp(l, "content-length", 14))
        cl = atol(v);
      if (!(kn == 10 && !strncasecmp(l, "connection", 10))) {
        memcpy(out + o, l, n);
        o += n;
      }
    }
    l = q + 1;
  }
  if (!c->up) {
    if (h && table[hash(h, hn) & 32767] == 12345) stats[1]++;
    rid++;
    o += sprintf(out + o, "x-forwarded-for: 127.0.0.1\r\nx-request-id: %016lx%016lx\r\n\r\n",
                 (unsigned long)rid, 0x9e3779b97f4a7c15ul * rid);
    c_t* u = upstream();
    u->peer = c;
    u->n = 0;
    c->n = 0;
    sendall(u->fd, out, o);
  } else {
    memcpy(out + o, "server: x\r\n\r\n", 13);
    o += 13;
    size_t body = c->n - (e + 2 - c->buf);
    if (o + body > sizeof out) exit(2);
    memcpy(out + o, e + 2, body);
    sendall(c->peer->fd, out, o + body);
    c->n = 0;
    c->left = cl - (long)body;
    if (c->left <= 0) {
      c->left = 0;
      c->next = idle;
      idle = c;
    }
  }
}
int main(int ac, char** av) {
  int lp = atoi(av[1]), one = 1;
  signal(SIGPIPE, SIG_IGN);
  int ls = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, 4);
  struct sockaddr_in a = {
      .sin_family = AF_INET, .sin_port = htons(lp), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  ua = a;
  ua.sin_port = htons(atoi(av[2]));
  if (bind(ls, (void*)&a, sizeof a) || listen(ls, 4096)) {
    perror("bind");
    return 1;
  }
  ep = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = 0}, ev[256];
  epoll_ctl(ep, EPOLL_CTL_ADD, ls, &e);
  for (;;) {
    int k = epoll_wait(ep, ev, 256, -1);
    for (int i = 0; i < k; i++) {
      c_t* c = ev[i].data.ptr;
      if (c) {
        on(c);
        continue;
      }
      int fd;
      while ((fd = accept4(ls, 0, 0, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, 4);
        c = malloc(sizeof *c);
        c->fd = fd;
        c->up = 0;
        c->n = 0;
        c->left = 0;
        c->peer = 0;
        add(c);
      }
    }
  }
}
