// SPDX-License-Identifier: MIT
// Process 1 of a lab machine: runs the commands that arrive on the control port.
//
// The control port is a virtio serial port, so that nothing that a test does to the network can cut it.
// Both directions carry records: struct header, little-endian, then the payload. A channel is one command.
// When the other end of the port goes away, so does the machine: nothing outlives the test that made it.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAYLOAD_MAX (64 * 1024)
#define STDIN_WINDOW (64 * 1024)
#define CHANNELS_MAX 128
#define ARGS_MAX 256
#define AGENT_PRIORITY 98

// Keep in step with machine.py.
enum record_type {
	// host to guest
	REC_EXEC = 1, // payload: arguments, each with its terminating NUL
	REC_STDIN,    // payload: bytes for standard input; an empty payload closes it
	REC_SIGNAL,   // payload: int32 signal number, for the whole process group
	// guest to host
	REC_HELLO = 16, // payload: release of the kernel
	REC_STARTED,    // payload: int32 process id, or -errno
	REC_STDOUT,
	REC_STDERR,
	REC_EXIT,   // payload: int32, exit code, or -signal
	REC_CREDIT, // payload: int32, bytes of standard input taken
};

struct header {
	uint32_t length;
	uint32_t channel;
	uint32_t type;
};

enum stream { IN, OUT, ERR, STREAMS };

struct channel {
	uint32_t id;
	pid_t pid; // 0: free
	int exited;
	int fd[STREAMS]; // our ends of the pipes, -1 when closed
	int stdin_ended;
	size_t in_start, in_end;
	char in[STDIN_WINDOW];
};

static int control_fd;
static struct channel channels[CHANNELS_MAX];

static void power_off(const char *why)
{
	dprintf(STDERR_FILENO, "lab agent: %s, powering off\n", why);
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

static void write_all(const void *data, size_t length)
{
	const char *p = data;

	while (length) {
		ssize_t n = write(control_fd, p, length);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			power_off("control port lost on write");
		if (n > 0) {
			p += n;
			length -= n;
		}
	}
}

static void send_record(uint32_t type, uint32_t channel, const void *data, size_t length)
{
	// One write for a whole record: each one is a round trip through the host.
	static char buffer[sizeof(struct header) + PAYLOAD_MAX];
	struct header header = { .length = length, .channel = channel, .type = type };

	memcpy(buffer, &header, sizeof(header));
	if (length)
		memcpy(buffer + sizeof(header), data, length);
	write_all(buffer, sizeof(header) + length);
}

static void send_number(uint32_t type, uint32_t channel, int32_t value)
{
	send_record(type, channel, &value, sizeof(value));
}

static void read_all(void *data, size_t length)
{
	char *p = data;

	while (length) {
		ssize_t n = read(control_fd, p, length);

		if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
			power_off("control port closed");
		if (n > 0) {
			p += n;
			length -= n;
		}
	}
}

static void close_stream(struct channel *c, enum stream s)
{
	if (c->fd[s] >= 0)
		close(c->fd[s]);
	c->fd[s] = -1;
}

static struct channel *find_channel(uint32_t id)
{
	for (int i = 0; i < CHANNELS_MAX; i++)
		if (channels[i].pid && channels[i].id == id)
			return &channels[i];
	return NULL;
}

static void run_child(char **argv, int pipes[STREAMS][2])
{
	sigset_t none;

	setsid();
	dup2(pipes[IN][0], STDIN_FILENO);
	dup2(pipes[OUT][1], STDOUT_FILENO);
	dup2(pipes[ERR][1], STDERR_FILENO);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static int make_pipes(int pipes[STREAMS][2])
{
	for (int s = 0; s < STREAMS; s++)
		pipes[s][0] = pipes[s][1] = -1;
	for (int s = 0; s < STREAMS; s++)
		if (pipe2(pipes[s], O_CLOEXEC) < 0)
			return -errno;
	return 0;
}

static int spawn(struct channel *c, char **argv)
{
	int pipes[STREAMS][2];
	pid_t pid = -1;
	int ret;

	ret = make_pipes(pipes);
	if (!ret) {
		pid = fork();
		if (pid == 0)
			run_child(argv, pipes);
		ret = pid < 0 ? -errno : 0;
	}
	for (int s = 0; s < STREAMS; s++) {
		int ours = s == IN ? 1 : 0;

		if (pipes[s][!ours] >= 0)
			close(pipes[s][!ours]);
		c->fd[s] = pipes[s][ours];
		if (ret)
			close_stream(c, s);
		else
			fcntl(c->fd[s], F_SETFL, O_NONBLOCK);
	}
	if (ret)
		return ret;
	// Also done by the child's setsid; here so that a signal sent at once finds the group.
	setpgid(pid, pid);
	c->pid = pid;
	c->exited = 0;
	c->stdin_ended = 0;
	c->in_start = c->in_end = 0;
	return 0;
}

static void handle_exec(uint32_t id, char *payload, size_t length)
{
	char *argv[ARGS_MAX + 1];
	struct channel *c = NULL;
	int argc = 0, ret;

	if (!length || payload[length - 1] != '\0') {
		send_number(REC_STARTED, id, -EINVAL);
		return;
	}
	for (char *p = payload; p < payload + length; p += strlen(p) + 1) {
		if (argc == ARGS_MAX) {
			send_number(REC_STARTED, id, -E2BIG);
			return;
		}
		argv[argc++] = p;
	}
	argv[argc] = NULL;
	for (int i = 0; i < CHANNELS_MAX && !c; i++)
		if (!channels[i].pid)
			c = &channels[i];
	if (!c) {
		send_number(REC_STARTED, id, -EAGAIN);
		return;
	}
	c->id = id;
	ret = spawn(c, argv);
	send_number(REC_STARTED, id, ret ? ret : c->pid);
}

static void flush_stdin(struct channel *c)
{
	while (c->fd[IN] >= 0 && c->in_start < c->in_end) {
		ssize_t n = write(c->fd[IN], c->in + c->in_start, c->in_end - c->in_start);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			// Nobody reads any more: what was meant for it counts as taken.
			n = c->in_end - c->in_start;
			close_stream(c, IN);
		}
		c->in_start += n;
		send_number(REC_CREDIT, c->id, n);
	}
	if (c->in_start == c->in_end)
		c->in_start = c->in_end = 0;
	if (c->stdin_ended && c->in_start == c->in_end)
		close_stream(c, IN);
}

static void handle_stdin(struct channel *c, const char *payload, size_t length)
{
	if (!length) {
		c->stdin_ended = 1;
	} else if (c->fd[IN] < 0) {
		send_number(REC_CREDIT, c->id, length);
	} else {
		memmove(c->in, c->in + c->in_start, c->in_end - c->in_start);
		c->in_end -= c->in_start;
		c->in_start = 0;
		if (length > sizeof(c->in) - c->in_end)
			power_off("more standard input than the window allows");
		memcpy(c->in + c->in_end, payload, length);
		c->in_end += length;
	}
	flush_stdin(c);
}

static void handle_control(void)
{
	static char payload[PAYLOAD_MAX];
	struct header header;
	struct channel *c;
	int32_t number;

	read_all(&header, sizeof(header));
	if (header.length > sizeof(payload))
		power_off("record too long");
	read_all(payload, header.length);
	c = find_channel(header.channel);
	switch (header.type) {
	case REC_EXEC:
		handle_exec(header.channel, payload, header.length);
		break;
	case REC_STDIN:
		if (c)
			handle_stdin(c, payload, header.length);
		break;
	case REC_SIGNAL:
		// Not after the end of the process: its number may be another's by now.
		if (c && !c->exited && header.length == sizeof(number)) {
			memcpy(&number, payload, sizeof(number));
			kill(-c->pid, number);
		}
		break;
	default:
		power_off("record of unknown type");
	}
}

// Passes on what one stream holds; returns 0 when there is nothing more at the moment.
static int forward(struct channel *c, enum stream s)
{
	static char buffer[PAYLOAD_MAX / 2];
	ssize_t n;

	if (c->fd[s] < 0)
		return 0;
	n = read(c->fd[s], buffer, sizeof(buffer));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return errno == EINTR;
	if (n <= 0) {
		close_stream(c, s);
		return 0;
	}
	// After the exit only a daemon that was left behind still writes: read, so that it is not killed
	// by SIGPIPE, and thrown away.
	if (!c->exited)
		send_record(s == OUT ? REC_STDOUT : REC_STDERR, c->id, buffer, n);
	return 1;
}

static void finish(struct channel *c, int status)
{
	// Bounded: a daemon that holds the pipe could write for ever.
	for (int i = 0; i < 64; i++) {
		int more = forward(c, OUT);

		if (!forward(c, ERR) && !more)
			break;
	}
	c->exited = 1;
	close_stream(c, IN);
	send_number(REC_EXIT, c->id,
		    WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

static void reap(int signal_fd)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	if (read(signal_fd, &info, sizeof(info)) < 0)
		return;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < CHANNELS_MAX; i++)
			if (channels[i].pid == pid && !channels[i].exited)
				finish(&channels[i], status);
}

static void serve(int signal_fd)
{
	struct pollfd fds[2 + CHANNELS_MAX * STREAMS];
	struct {
		struct channel *channel;
		enum stream stream;
	} whose[2 + CHANNELS_MAX * STREAMS];
	int count = 2;

	fds[0] = (struct pollfd){ .fd = control_fd, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = signal_fd, .events = POLLIN };
	for (int i = 0; i < CHANNELS_MAX; i++) {
		struct channel *c = &channels[i];

		if (c->pid && c->exited && c->fd[OUT] < 0 && c->fd[ERR] < 0)
			c->pid = 0;
		if (!c->pid)
			continue;
		for (int s = 0; s < STREAMS; s++) {
			if (c->fd[s] < 0 || (s == IN && c->in_start == c->in_end))
				continue;
			whose[count].channel = c;
			whose[count].stream = s;
			fds[count++] = (struct pollfd){
				.fd = c->fd[s],
				.events = s == IN ? POLLOUT : POLLIN,
			};
		}
	}
	if (poll(fds, count, -1) < 0)
		return;
	for (int i = 2; i < count; i++) {
		if (!fds[i].revents)
			continue;
		if (whose[i].stream == IN)
			flush_stdin(whose[i].channel);
		else
			forward(whose[i].channel, whose[i].stream);
	}
	if (fds[1].revents)
		reap(signal_fd);
	if (fds[0].revents & POLLIN)
		handle_control();
	else if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
		power_off("control port hung up");
}

int main(int argc, char **argv)
{
	struct sched_param priority = { .sched_priority = AGENT_PRIORITY };
	struct utsname system;
	sigset_t signals;
	int signal_fd;

	control_fd = argc == 2 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;
	if (control_fd < 0)
		power_off("no control port");
	// Children start as ordinary processes; the agent answers even while real-time programs spin.
	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority) < 0)
		power_off("no real-time priority");
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		power_off("no signalfd");
	for (int i = 0; i < CHANNELS_MAX; i++)
		for (int s = 0; s < STREAMS; s++)
			channels[i].fd[s] = -1;
	uname(&system);
	send_record(REC_HELLO, 0, system.release, strlen(system.release));
	for (;;)
		serve(signal_fd);
}
