// hb: minimal HTTP/1.1 keep-alive backend (one thread, epoll) so that backend + load generator fit on one
// core and the proxy under test stays the bottleneck.   hb PORT
// /128 /1k /64k /1m give a body of that size; every other path gives 1 KiB. Request bodies are read and
// dropped.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
typedef struct {
  int fd;
  size_t len;
  long skip;
  const char* out;
  size_t outn;
  char buf[16384];
} conn_t;
static struct {
  const char* name;
  size_t body;
  char* resp;
  size_t n;
} R[] = {{"/128 ", 128}, {"/1k ", 1024}, {"/64k ", 65536}, {"/1m ", 1048576}, {0, 1024}};
static int ep;
static int flush(conn_t* c) {  // 0 done, 1 would block, -1 error
  while (c->outn) {
    ssize_t r = send(c->fd, c->out, c->outn, MSG_NOSIGNAL);
    if (r < 0) {
      if (errno == EAGAIN) return 1;
      return -1;
    }
    c->out += r;
    c->outn -= r;
  }
  return 0;
}
static int serve(conn_t* c) {  // handles every full request in buf; 1 blocked, -1 error
  for (;;) {
    if (c->skip) {
      size_t k = (size_t)c->skip < c->len ? (size_t)c->skip : c->len;
      memmove(c->buf, c->buf + k, c->len - k);
      c->len -= k;
      c->skip -= k;
      if (c->skip) return 0;
    }
    if (!c->len) return 0;
    char* e = memmem(c->buf, c->len, "\r\n\r\n", 4);
    if (!e) return c->len >= sizeof c->buf - 1 ? -1 : 0;
    e += 4;
    char* p = memchr(c->buf, ' ', c->len);
    long cl = 0;
    if (!p) return -1;
    if (c->buf[0] != 'G') {
      char sv = *(e - 1);
      *(e - 1) = 0;
      char* h = strcasestr(c->buf, "\ncontent-length:");
      if (h) cl = atol(h + 16);
      *(e - 1) = sv;
    }
    int i = 0;
    for (; R[i].name; i++)
      if (!strncmp(p + 1, R[i].name, strlen(R[i].name))) break;
    size_t used = e - c->buf;
    memmove(c->buf, e, c->len - used);
    c->len -= used;
    c->skip = cl;
    c->out = R[i].resp;
    c->outn = R[i].n;
    int f = flush(c);
    if (f) return f;
  }
}
int main(int ac, char** av) {
  int port = ac > 1 ? atoi(av[1]) : 18080, one = 1;
  signal(SIGPIPE, SIG_IGN);
  for (int i = 0; i < 5; i++) {
    char h[256];
    int n = sprintf(h,
                    "HTTP/1.1 200 OK\r\nServer: hb\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: "
                    "text/plain\r\nContent-Length: %zu\r\n\r\n",
                    R[i].body);
    R[i].n = n + R[i].body;
    R[i].resp = malloc(R[i].n);
    memcpy(R[i].resp, h, n);
    memset(R[i].resp + n, 'x', R[i].body);
  }
  int ls = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in sa = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(ls, (void*)&sa, sizeof sa) || listen(ls, 4096)) {
    perror("bind");
    return 1;
  }
  ep = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = 0}, ev[256];
  epoll_ctl(ep, EPOLL_CTL_ADD, ls, &e);
  for (;;) {
    int k = epoll_wait(ep, ev, 256, -1);
    for (int i = 0; i < k; i++) {
      conn_t* c = ev[i].data.ptr;
      if (!c) {
        int fd;
        while ((fd = accept4(ls, 0, 0, SOCK_NONBLOCK)) >= 0) {
          setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
          c = malloc(sizeof *c);
          c->fd = fd;
          c->len = c->outn = 0;
          c->skip = 0;
          e.events = EPOLLIN;
          e.data.ptr = c;
          epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
        }
        continue;
      }
      int bad = 0, blocked = c->outn > 0;
      if (ev[i].events & EPOLLOUT) {
        int f = flush(c);
        if (f < 0)
          bad = 1;
        else if (!f) {
          f = serve(c);
          if (f < 0)
            bad = 1;
          else if (!f && !c->outn) {
            e.events = EPOLLIN;
            e.data.ptr = c;
            epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
            blocked = 0;
          }
        }
      }
      if (!bad && !blocked && (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
        ssize_t r = recv(c->fd, c->buf + c->len, sizeof c->buf - c->len, 0);
        if (r == 0 || (r < 0 && errno != EAGAIN))
          bad = 1;
        else if (r > 0) {
          c->len += r;
          int f = serve(c);
          if (f < 0)
            bad = 1;
          else if (f > 0) {
            e.events = EPOLLOUT;
            e.data.ptr = c;
            epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
          }
        }
      }
      if (bad) {
        close(c->fd);
        free(c);
      }
    }
  }
}
