// hs: full TLS handshakes: every request on a new connection, never resumed (a resumed one is counted and
// reported).
//   hs -p PORT [-t THREADS] [-d SECONDS] [-u PATH] [-2]      (-2: TLS 1.2; otherwise TLS 1.3 only)
// Prints one line of JSON.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
static int port, v12;
static double dur = 4;
static const char* path = "/128";
static uint64_t t0;
static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}
typedef struct {
  long ok, err, resumed;
  char info[128];
} res_t;
static void* run(void* a) {
  res_t* r = a;
  SSL_CTX* cx = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_session_cache_mode(cx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(cx, SSL_VERIFY_NONE, 0);
  if (v12) {
    SSL_CTX_set_max_proto_version(cx, TLS1_2_VERSION);
    SSL_CTX_set_options(cx, SSL_OP_NO_TICKET);
  } else
    SSL_CTX_set_min_proto_version(cx, TLS1_3_VERSION);
  unsigned char alpn[] = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(cx, alpn, 9);
  char req[512], buf[8192];
  int rn = sprintf(req, "GET %s HTTP/1.1\r\nHost: bench.local\r\nConnection: close\r\n\r\n", path), one = 1;
  struct sockaddr_in sa = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  while (now() - t0 < dur * 1e9) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct timeval tv = {5, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    SSL* s = 0;
    int ok = 0;
    if (!connect(fd, (void*)&sa, sizeof sa)) {
      s = SSL_new(cx);
      SSL_set_fd(s, fd);
      SSL_set_tlsext_host_name(s, "bench.local");
      if (SSL_connect(s) == 1 && SSL_write(s, req, rn) == rn) {
        int n, tot = 0;
        while ((n = SSL_read(s, buf, sizeof buf)) > 0) {
          if (!tot && n > 12 && !memcmp(buf + 9, "200", 3)) ok = 1;
          tot += n;
        }
        if (SSL_session_reused(s)) r->resumed++;
        if (!r->info[0])
          snprintf(r->info, sizeof r->info, "%s %s group=%s", SSL_get_version(s), SSL_get_cipher(s),
                   OBJ_nid2sn(SSL_get_negotiated_group(s) & 0xffff));
        SSL_shutdown(s);
      }
    }
    if (ok)
      r->ok++;
    else
      r->err++;
    ERR_clear_error();
    if (s) SSL_free(s);
    close(fd);
  }
  SSL_CTX_free(cx);
  return 0;
}
int main(int ac, char** av) {
  int o, nt = 16;
  while ((o = getopt(ac, av, "p:t:d:u:2")) > 0) switch (o) {
      case 'p':
        port = atoi(optarg);
        break;
      case 't':
        nt = atoi(optarg);
        break;
      case 'd':
        dur = atof(optarg);
        break;
      case 'u':
        path = optarg;
        break;
      case '2':
        v12 = 1;
        break;
      default:
        return 2;
    }
  signal(SIGPIPE, SIG_IGN);
  t0 = now();
  pthread_t t[256];
  static res_t r[256];
  if (nt > 256) nt = 256;
  for (int i = 0; i < nt; i++) pthread_create(&t[i], 0, run, &r[i]);
  long ok = 0, err = 0, re = 0;
  for (int i = 0; i < nt; i++) {
    pthread_join(t[i], 0);
    ok += r[i].ok;
    err += r[i].err;
    re += r[i].resumed;
  }
  double el = (now() - t0) / 1e9;
  printf("{\"requests\":%ld,\"errors\":%ld,\"resumed\":%ld,\"seconds\":%.4f,\"rps\":%.1f,\"tls\":\"%s\"}\n",
         ok, err, re, el, ok / el, r[0].info);
  return 0;
}
