// Floor test: the same forwarder on io_uring: multishot recv into a provided-buffer ring, send, one
// io_uring_enter per loop.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define NB 4096
#define BS 4096
typedef struct c {
  int fd;
  struct c* peer;
  int dead;
} c_t;
static struct io_uring R;
static struct io_uring_buf_ring* br;
static char* bufs;
static int mask;
static struct io_uring_sqe* sqe(void) {
  struct io_uring_sqe* s = io_uring_get_sqe(&R);
  if (!s) {
    io_uring_submit(&R);
    s = io_uring_get_sqe(&R);
  }
  return s;
}
static void recv_on(c_t* c) {
  struct io_uring_sqe* s = sqe();
  io_uring_prep_recv_multishot(s, c->fd, 0, 0, 0);
  s->flags |= IOSQE_BUFFER_SELECT;
  s->buf_group = 1;
  io_uring_sqe_set_data64(s, (uint64_t)c);
}
static void recycle(int b) {
  io_uring_buf_ring_add(br, bufs + (size_t)b * BS, BS, b, mask, 0);
  io_uring_buf_ring_advance(br, 1);
}
int main(int ac, char** av) {
  int lp = atoi(av[1]), up = atoi(av[2]), one = 1;
  signal(SIGPIPE, SIG_IGN);
  struct io_uring_params p = {
      .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
      .cq_entries = 16384};
  int r = io_uring_queue_init_params(2048, &R, &p);
  if (r) {
    fprintf(stderr, "init %s\n", strerror(-r));
    return 1;
  }
  io_uring_register_ring_fd(&R);
  if (posix_memalign((void**)&br, 4096, NB * sizeof(struct io_uring_buf))) return 1;
  struct io_uring_buf_reg rg = {.ring_addr = (uint64_t)br, .ring_entries = NB, .bgid = 1};
  r = io_uring_register_buf_ring(&R, &rg, 0);
  if (r) {
    fprintf(stderr, "bufring %s\n", strerror(-r));
    return 1;
  }
  io_uring_buf_ring_init(br);
  mask = io_uring_buf_ring_mask(NB);
  bufs = malloc((size_t)NB * BS);
  for (int i = 0; i < NB; i++) recycle(i);
  int ls = socket(AF_INET, SOCK_STREAM, 0);
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
  struct io_uring_sqe* s = sqe();
  io_uring_prep_multishot_accept(s, ls, 0, 0, 0);
  io_uring_sqe_set_data64(s, 0);
  for (;;) {
    io_uring_submit_and_wait(&R, 1);
    unsigned h, n = 0;
    struct io_uring_cqe* q;
    io_uring_for_each_cqe(&R, h, q) {
      n++;
      uint64_t d = q->user_data;
      if (!d) {
        int fd = q->res, g;
        if (fd < 0) continue;
        g = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(g, IPPROTO_TCP, TCP_NODELAY, &one, 4);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, 4);
        if (connect(g, (void*)&u, sizeof u)) {
          close(g);
          close(fd);
          continue;
        }
        c_t *x = calloc(1, sizeof *x), *y = calloc(1, sizeof *y);
        x->fd = fd;
        y->fd = g;
        x->peer = y;
        y->peer = x;
        recv_on(x);
        recv_on(y);
        continue;
      }
      if (d & 1) {
        recycle(d >> 1);
        continue;
      }
      c_t* c = (c_t*)d;
      if (c->dead) {
        if (q->flags & IORING_CQE_F_BUFFER) recycle(q->flags >> 16);
        continue;
      }
      if (q->res <= 0) {
        if (q->flags & IORING_CQE_F_BUFFER) recycle(q->flags >> 16);
        if (q->res == -ENOBUFS) {
          recv_on(c);
          continue;
        }
        c->dead = c->peer->dead = 1;
        shutdown(c->peer->fd, SHUT_RDWR);
        shutdown(c->fd, SHUT_RDWR);
        close(c->fd);
        close(c->peer->fd);
        continue;
      }
      int b = q->flags >> 16;
      struct io_uring_sqe* w = sqe();
      io_uring_prep_send(w, c->peer->fd, bufs + (size_t)b * BS, q->res, MSG_NOSIGNAL | MSG_WAITALL);
      io_uring_sqe_set_data64(w, ((uint64_t)b << 1) | 1);
      if (!(q->flags & IORING_CQE_F_MORE)) recv_on(c);
    }
    io_uring_cq_advance(&R, n);
  }
}
