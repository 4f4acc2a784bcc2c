// Costs of the system calls a proxy makes, on this machine (loopback TCP, one thread does both ends, so
// wake-ups are excluded).
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}
int main(void) {
  int one = 1, ls = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t l = sizeof a;
  bind(ls, (void*)&a, l);
  listen(ls, 9);
  getsockname(ls, (void*)&a, &l);
  int s = socket(AF_INET, SOCK_STREAM, 0);
  connect(s, (void*)&a, l);
  int d = accept(ls, 0, 0);
  setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, 4);
  setsockopt(d, IPPROTO_TCP, TCP_NODELAY, &one, 4);
  fcntl(d, F_SETFL, O_NONBLOCK);
  int ep = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN}, ev[64];
  epoll_ctl(ep, EPOLL_CTL_ADD, d, &e);
  static char b[65536];
  int N = 200000;
  double t = now();
  for (int i = 0; i < N; i++) syscall(SYS_getppid);
  printf("getppid (entry/exit)         %7.0f ns\n", (now() - t) / N);
  t = now();
  for (int i = 0; i < N; i++) epoll_wait(ep, ev, 64, 0);
  printf("epoll_wait, none ready       %7.0f ns\n", (now() - t) / N);
  t = now();
  for (int i = 0; i < N; i++) recv(d, b, 16384, 0);
  printf("recv, EAGAIN                 %7.0f ns\n", (now() - t) / N);
  t = now();
  for (int i = 0; i < N; i++) {
    e.events = EPOLLIN | (i & 1 ? EPOLLOUT : 0);
    epoll_ctl(ep, EPOLL_CTL_MOD, d, &e);
  }
  printf("epoll_ctl MOD                %7.0f ns\n", (now() - t) / N);
  e.events = EPOLLIN;
  epoll_ctl(ep, EPOLL_CTL_MOD, d, &e);
  for (int sz = 128; sz <= 16384; sz *= 8) {
    double ts = 0, tr = 0, te = 0;
    for (int i = 0; i < N / 2; i++) {
      double t0 = now();
      send(s, b, sz, 0);
      double t1 = now();
      epoll_wait(ep, ev, 64, 0);
      double t2 = now();
      recv(d, b, 65536, 0);
      double t3 = now();
      ts += t1 - t0;
      te += t2 - t1;
      tr += t3 - t2;
    }
    printf("%5d B: send %6.0f ns  epoll_wait(1 ready) %5.0f ns  recv %5.0f ns\n", sz, ts / (N / 2),
           te / (N / 2), tr / (N / 2));
  }
  t = now();
  for (int i = 0; i < 20000; i++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    connect(fd, (void*)&a, l);
    int g = accept4(ls, 0, 0, SOCK_NONBLOCK);
    struct linger lg = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &lg, sizeof lg);
    close(fd);
    close(g);
  }
  printf("socket+connect+accept+close both ends %6.0f ns\n", (now() - t) / 20000);
  t = now();
  for (int i = 0; i < N; i++) {
    struct timespec q;
    clock_gettime(CLOCK_MONOTONIC, &q);
  }
  printf("clock_gettime (vDSO)         %7.0f ns\n", (now() - t) / N);
  return 0;
}
