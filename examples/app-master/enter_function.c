/* An application that runs a function of its own in a sandbox: a decoder that it does not trust
 * with what strangers have written. The function is the application's child, and reads and writes
 * by the two descriptors that it was told to keep; nothing else of the host's is there.
 *
 *     enter_function /run/yettd.sock decoders letter.txt
 *
 * decodes the file in a sandbox of the template "decoders". Needs root, yettd at the socket,
 * yett/yett.h and -lyett. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yett/yett.h>

struct work {
  int input;
  int output;
};

static void die(const char* what, int error) {
  fprintf(stderr, "enter_function: %s: %s\n", what, strerror(-error));
  exit(1);
}

/* Runs inside. As decoders are: good with most letters, and broken by some. */
static int decode(void* data) {
  const struct work* work = data;
  char letter[4096];
  int words = 0;
  const ssize_t size = read(work->input, letter, sizeof letter - 1);
  if (size < 0) return 1;
  letter[size] = '\0';
  if (strstr(letter, "%n") != NULL) abort();
  for (char* word = strtok(letter, " \n"); word != NULL; word = strtok(NULL, " \n")) ++words;
  dprintf(work->output, "%d words, read by user %u, process %d", words, (unsigned)getuid(),
          getpid());
  return 0;
}

/* What it says, and then how it has ended. */
static void hear(int output, const struct yett_entered* entered) {
  char said[256];
  int status = 0;
  const ssize_t size = read(output, said, sizeof said - 1);
  said[size > 0 ? size : 0] = '\0';
  waitpid(entered->app_pid, &status, 0);
  if (WIFSIGNALED(status))
    printf("the decoder died of signal %d\n", WTERMSIG(status));
  else
    printf("%s\n", said);
}

int main(int argc, char** argv) {
  struct yett_host* host;
  int pipe_ends[2];
  if (argc != 4) {
    fputs("usage: enter_function SOCKET TEMPLATE FILE\n", stderr);
    return 2;
  }
  const int connected = yett_connect(argv[1], &host);
  if (connected != 0) die(argv[1], connected);
  const int sandbox = yett_create(host, argv[2]);
  if (sandbox < 0) die(argv[2], sandbox);
  struct work work = {.input = open(argv[3], O_RDONLY | O_CLOEXEC)};
  if (work.input < 0 || pipe(pipe_ends) != 0) die(argv[3], -errno);
  work.output = pipe_ends[1];

  const int kept[] = {work.input, work.output};
  const struct yett_function request = {
      .size = sizeof request, .sandbox = sandbox, .kept = kept, .kept_count = 2};
  struct yett_entered entered = {.size = sizeof entered};
  const int error = yett_enter(host, &request, decode, &work, &entered);
  if (error != 0) die(entered.problem[0] != '\0' ? entered.problem : "enter", error);

  close(pipe_ends[1]); /* the other one is the function's */
  hear(pipe_ends[0], &entered);
  yett_disconnect(host);
  return 0;
}
