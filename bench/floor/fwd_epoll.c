// Floor test: 1:1 TCP forwarder, one thread, level-triggered epoll, recv+send per message, no parsing.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
typedef struct c {
  int fd;
  struct c* peer;
  int dead;
  char* pend;
  size_t pn, po;
} c_t;
static int ep;
static char buf[1 << 18];
static void arm(c_t* c, int e) {
  struct epoll_event v = {.events = e, .data.ptr = c};
  epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &v);
}
static void kill2(c_t* c) {
  c->dead = c->peer->dead = 1;
  close(c->fd);
  close(c->peer->fd);
}
int main(int ac, char** av) {
  int lp = atoi(av[1]), up = atoi(av[2]), one = 1;
  size_t BS = ac > 3 ? atoi(av[3]) : 16384;
  signal(SIGPIPE, SIG_IGN);
  int ls = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, 4);
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_port = htons(lp),
                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
                     u = a;
  u.sin_port = htons(up);
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
      if (!c) {
        int fd;
        while ((fd = accept4(ls, 0, 0, SOCK_NONBLOCK)) >= 0) {
          int g = socket(AF_INET, SOCK_STREAM, 0);
          setsockopt(g, IPPROTO_TCP, TCP_NODELAY, &one, 4);
          setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, 4);
          if (connect(g, (void*)&u, sizeof u)) {
            close(fd);
            close(g);
            continue;
          }
          fcntl(g, F_SETFL, O_NONBLOCK);
          c_t *x = calloc(1, sizeof *x), *y = calloc(1, sizeof *y);
          x->fd = fd;
          y->fd = g;
          x->peer = y;
          y->peer = x;
          e.events = EPOLLIN;
          e.data.ptr = x;
          epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
          e.data.ptr = y;
          epoll_ctl(ep, EPOLL_CTL_ADD, g, &e);
        }
        continue;
      }
      if (c->dead) continue;
      if (ev[i].events & EPOLLOUT) {
        ssize_t w = send(c->fd, c->pend + c->po, c->pn - c->po, MSG_NOSIGNAL);
        if (w < 0) {
          if (errno != EAGAIN) kill2(c);
          continue;
        }
        c->po += w;
        if (c->po == c->pn) {
          free(c->pend);
          c->pend = 0;
          arm(c, EPOLLIN);
          arm(c->peer, EPOLLIN);
        }
        continue;
      }
      ssize_t r = recv(c->fd, buf, BS, 0);
      if (r <= 0) {
        if (r < 0 && errno == EAGAIN) continue;
        kill2(c);
        continue;
      }
      ssize_t w = send(c->peer->fd, buf, r, MSG_NOSIGNAL);
      if (w < 0) {
        if (errno != EAGAIN) {
          kill2(c);
          continue;
        }
        w = 0;
      }
      if (w < r) {
        c_t* p = c->peer;
        p->pend = malloc(r - w);
        memcpy(p->pend, buf + w, r - w);
        p->pn = r - w;
        p->po = 0;
        arm(c, 0);
        arm(p, EPOLLOUT);
      }
    }
  }
}
