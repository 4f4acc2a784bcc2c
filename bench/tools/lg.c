// lg: small HTTP/1.1 load generator (one thread, epoll, plaintext).
// Closed loop (default) or open loop at a constant rate (-r), where latency is counted from the
// moment the request was due, so a stalled proxy is charged for the requests it delayed
// (no coordinated omission).
//   lg -p PORT [-a ADDR] [-c CONNS] [-d SECONDS] [-r RATE] [-u PATH] [-h HOST] [-f FILE] [-b BODYBYTES] [-x
//   "Name: value"]...
// FILE: lines "host path"; one is drawn at random for every request.
// Prints one line of JSON.
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
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  char* p;
  size_t n;
} req_t;
typedef struct conn {
  int fd;
  int busy;
  int hdr;
  int chunked;
  int close;
  long need;
  uint64_t start;
  size_t hl;
  size_t off;
  req_t* rq;
  struct conn* next;
  char hb[16384];
} conn_t;
static req_t* reqs;
static size_t nreqs;
static char* sink;
static const size_t SINK = 1 << 18;
static uint64_t done_n, err_n, bytes_n, non2xx, reconn;
static uint64_t hist[64 * 128];
static uint64_t maxlat, sumlat;
static struct sockaddr_in sa;
static int ep;
static conn_t* idle;
static double rate;
static uint64_t t0, tend, sched;
static uint64_t rng = 88172645463325252ull;
static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}
static void rec(uint64_t ns) {
  if (ns > maxlat) maxlat = ns;
  sumlat += ns;
  if (ns < 128) {
    hist[ns]++;
    return;
  }
  int e = 63 - __builtin_clzll(ns);
  hist[(e - 6) * 128 + ((ns >> (e - 7)) & 127)]++;
}
static uint64_t val(int i) {
  if (i < 128) return i;
  int e = i / 128 + 6;
  return (1ull << e) + ((uint64_t)(i & 127) << (e - 7)) + (1ull << (e - 8 > 0 ? e - 8 : 0));
}
static double pct(double p) {
  uint64_t t = 0, want = (uint64_t)(p * done_n);
  if (want >= done_n) want = done_n - 1;
  for (int i = 0; i < 64 * 128; i++) {
    t += hist[i];
    if (t > want) return val(i) / 1000.0;
  }
  return 0;
}
static void die(const char* m) {
  perror(m);
  exit(1);
}
static int opensock(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) die("socket");
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(fd, (void*)&sa, sizeof sa)) {
    close(fd);
    return -1;
  }
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}
static void attach(conn_t* c) {
  struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
  if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev)) die("epoll_ctl");
}
static void put(conn_t* c);
static void reopen(conn_t* c) {
  close(c->fd);
  reconn++;
  for (int i = 0; (c->fd = opensock()) < 0; i++) {
    if (i > 2000) {
      fprintf(stderr, "cannot reconnect\n");
      exit(1);
    }
    usleep(1000);
  }
  attach(c);
}
static void flush_req(conn_t* c) {
  while (c->off < c->rq->n) {
    ssize_t r = send(c->fd, c->rq->p + c->off, c->rq->n - c->off, MSG_NOSIGNAL);
    if (r < 0) {
      if (errno == EAGAIN) {
        struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
        epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
        return;
      }
      err_n++;
      reopen(c);
      c->off = 0;
      continue;
    }
    c->off += r;
  }
}
static void fire(conn_t* c, uint64_t start) {
  c->busy = 1;
  c->hdr = 0;
  c->hl = 0;
  c->need = 0;
  c->chunked = 0;
  c->close = 0;
  c->off = 0;
  c->start = start;
  size_t k = 0;
  if (nreqs > 1) {
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    k = rng % nreqs;
  }
  c->rq = &reqs[k];
  flush_req(c);
}
static uint64_t due(void) { return t0 + (uint64_t)(sched * (1e9 / rate)); }
static void put(conn_t* c) {  // c is free
  c->busy = 0;
  if (rate == 0) {
    fire(c, now());
    return;
  }
  uint64_t n = now();
  if (n >= due() && due() < tend) {
    uint64_t d = due();
    sched++;
    fire(c, d);
    return;
  }
  c->next = idle;
  idle = c;
}
static void finish(conn_t* c) {
  rec(now() - c->start);
  done_n++;
  if (c->close) reopen(c);
  put(c);
}
static void onread(conn_t* c) {
  for (;;) {
    if (!c->hdr) {
      ssize_t r = recv(c->fd, c->hb + c->hl, sizeof c->hb - 1 - c->hl, 0);
      if (r < 0) {
        if (errno == EAGAIN) return;
        r = 0;
      }
      if (r == 0) {
        int b = c->busy;
        if (b) err_n++;
        reopen(c);
        if (b) {
          c->busy = 0;
          put(c);
        }
        return;
      }
      if (!c->busy) {
        err_n++;
        return;
      }
      size_t room = sizeof c->hb - 1 - c->hl;
      c->hl += r;
      bytes_n += r;
      c->hb[c->hl] = 0;
      char* e = memmem(c->hb, c->hl, "\r\n\r\n", 4);
      if (!e) {
        if (c->hl >= sizeof c->hb - 1) {
          fprintf(stderr, "header too long\n");
          exit(1);
        }
        if ((size_t)r < room) return;
        continue;
      }
      c->hdr = 1;
      e += 4;
      *(e - 2) = 0;
      int st = atoi(c->hb + 9);
      if (st < 200 || st > 299) non2xx++;
      c->need = -1;
      for (char* l = strstr(c->hb, "\r\n"); l; l = strstr(l, "\r\n")) {
        l += 2;
        if ((*l | 32) == 'c') {
          if (!strncasecmp(l, "content-length:", 15))
            c->need = atol(l + 15);
          else if (!strncasecmp(l, "connection: close", 17))
            c->close = 1;
        } else if ((*l | 32) == 't' && !strncasecmp(l, "transfer-encoding: chunked", 26))
          c->chunked = 1;
      }
      long have = c->hb + c->hl - e;
      if (c->chunked) {
        if (have >= 5 && !memcmp(c->hb + c->hl - 5, "0\r\n\r\n", 5)) {
          finish(c);
          return;
        }
      } else {
        if (c->need < 0) c->need = 0;
        c->need -= have;
        if (c->need <= 0) {
          finish(c);
          return;
        }
      }
      if ((size_t)r < room) return;
    } else {
      ssize_t r = recv(c->fd, sink, SINK, 0);
      if (r < 0 && errno == EAGAIN) return;
      if (r <= 0) {
        err_n++;
        reopen(c);
        c->busy = 0;
        put(c);
        return;
      }
      bytes_n += r;
      if (c->chunked) {
        if (r >= 5 && !memcmp(sink + r - 5, "0\r\n\r\n", 5)) {
          finish(c);
          return;
        }
      } else {
        c->need -= r;
        if (c->need <= 0) {
          finish(c);
          return;
        }
      }
      if ((size_t)r < SINK) return;
    }
  }
}
int main(int ac, char** av) {
  int port = 0, conns = 64, o;
  double dur = 4;
  const char *addr = "127.0.0.1", *path = "/1k", *host = "bench.local", *file = 0;
  long body = 0;
  char extra[4096] = "";
  while ((o = getopt(ac, av, "p:a:c:d:r:u:h:f:b:x:")) > 0) switch (o) {
      case 'p':
        port = atoi(optarg);
        break;
      case 'a':
        addr = optarg;
        break;
      case 'c':
        conns = atoi(optarg);
        break;
      case 'd':
        dur = atof(optarg);
        break;
      case 'r':
        rate = atof(optarg);
        break;
      case 'u':
        path = optarg;
        break;
      case 'h':
        host = optarg;
        break;
      case 'f':
        file = optarg;
        break;
      case 'b':
        body = atol(optarg);
        break;
      case 'x':
        strcat(extra, optarg);
        strcat(extra, "\r\n");
        break;
      default:
        return 2;
    }
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_TIMERSLACK, 1);
  sink = malloc(SINK);
  sa.sin_family = AF_INET;
  sa.sin_port = htons(port);
  inet_pton(AF_INET, addr, &sa.sin_addr);
  char* bd = malloc(body + 1);
  memset(bd, 'b', body);
  size_t cap = 1;
  reqs = malloc(cap * sizeof *reqs);
  FILE* f = file ? fopen(file, "r") : 0;
  if (file && !f) die(file);
  char h[512], p[1024];
  for (;;) {
    if (f) {
      if (fscanf(f, "%511s %1023s", h, p) != 2) break;
    } else {
      strncpy(h, host, 511);
      strncpy(p, path, 1023);
    }
    if (nreqs == cap) reqs = realloc(reqs, (cap *= 2) * sizeof *reqs);
    char* q;
    int n;
    char cl[64] = "";
    if (body) sprintf(cl, "Content-Length: %ld\r\n", body);
    n = asprintf(&q, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: lg/1\r\nAccept: */*\r\n%s%s\r\n",
                 body ? "POST" : "GET", p, h, cl, extra);
    q = realloc(q, n + body + 1);
    memcpy(q + n, bd, body);
    reqs[nreqs].p = q;
    reqs[nreqs++].n = n + body;
    if (!f) break;
  }
  ep = epoll_create1(0);
  conn_t** cs = calloc(conns, sizeof *cs);
  for (int i = 0; i < conns; i++) {
    cs[i] = calloc(1, sizeof(conn_t));
    if ((cs[i]->fd = opensock()) < 0) die("connect");
    attach(cs[i]);
  }
  t0 = now();
  tend = t0 + (uint64_t)(dur * 1e9);
  for (int i = 0; i < conns; i++) {
    if (rate == 0)
      fire(cs[i], now());
    else {
      cs[i]->next = idle;
      idle = cs[i];
    }
  }
  struct epoll_event ev[256];
  uint64_t n;
  uint64_t hard = tend + (rate ? 2000000000ull : 0);  // open loop: let late ones finish, they count as slow
  for (;;) {
    n = now();
    if (n >= tend && (rate == 0 || n >= hard || done_n >= sched)) break;
    if (rate)
      while (idle && due() <= n && due() < tend) {
        conn_t* c = idle;
        idle = c->next;
        uint64_t d = due();
        sched++;
        fire(c, d);
      }
    struct timespec ts;
    uint64_t w = tend > n ? tend - n : 1000000;
    if (rate && idle && due() < tend) {
      n = now();
      w = due() > n ? due() - n : 0;
    }
    if (w > 100000000) w = 100000000;
    ts.tv_sec = 0;
    ts.tv_nsec = w;
    int k = epoll_pwait2(ep, ev, 256, &ts, 0);
    for (int i = 0; i < k; i++) {
      conn_t* c = ev[i].data.ptr;
      if (ev[i].events & EPOLLOUT) {
        struct epoll_event e2 = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e2);
        flush_req(c);
      }
      if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) onread(c);
    }
  }
  double el = ((rate ? tend : n) - t0) / 1e9;
  if (!done_n) {
    printf("{\"requests\":0,\"errors\":%lu,\"seconds\":%.4f}\n", err_n, el);
    return 1;
  }
  printf(
      "{\"requests\":%lu,\"errors\":%lu,\"non2xx\":%lu,\"reconnects\":%lu,\"unfinished\":%ld,\"seconds\":%."
      "4f,\"rps\":%.1f,\"bytes\":%lu,\"mean_us\":%.1f,\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_"
      "us\":%.1f,\"max_us\":%.1f}\n",
      done_n, err_n, non2xx, reconn, rate ? (long)(sched - done_n) : 0L, el, done_n / el, bytes_n,
      sumlat / 1000.0 / done_n, pct(.5), pct(.9), pct(.99), pct(.999), maxlat / 1000.0);
  return 0;
}
