// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/clock.h"

#define VARIABLE "PPING_FILE="
/* Files that wait for a command that hangs: a week of one a minute. */
#define WAITING_MAX 10080
#define MS_NS 1000000

struct waiting {
	STAILQ_ENTRY(waiting) entry;
	char path[];
};

STAILQ_HEAD(waiting_list, waiting);

struct commands {
	struct loop *loop;
	struct waiting_list waiting; /* the first one is running if running is true */
	size_t n_waiting;
	size_t left_out;
	bool running;
	int fd; /* to the runner; -1: it is gone */
	struct loop_source *source;
};

/* The runner's answer to a file's name. */
struct outcome {
	int err; /* a negative errno: it was not started */
	int status; /* as of wait(2) */
};

/* --- the runner --------------------------------------------------------------------- */

/* The environment with the file's name in it, both to be freed; NULL: no memory. */
static char **make_environment(const char *path, char **variable)
{
	size_t n = 0, used = 0, i;
	char **env;

	while (environ[n])
		n++;
	*variable = malloc(sizeof(VARIABLE) + strlen(path));
	env = *variable ? calloc(n + 2, sizeof(*env)) : NULL;
	if (!env)
		return NULL;
	for (i = 0; i < n; i++)
		if (strncmp(environ[i], VARIABLE, strlen(VARIABLE)))
			env[used++] = environ[i];
	strcpy(*variable, VARIABLE);
	strcat(*variable, path);
	env[used] = *variable;
	return env;
}

static int spawn(const char *command, const char *path, char **env, pid_t *pid)
{
	char *argv[] = { (char *)"sh",
			 (char *)"-c",
			 (char *)command,
			 (char *)"pping",
			 (char *)(uintptr_t)path,
			 NULL };
	posix_spawnattr_t attr;
	sigset_t none, defaults;
	int err;

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	sigaddset(&defaults, SIGXFSZ);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	err = posix_spawn(pid, "/bin/sh", NULL, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	return -err;
}

static void run_one(const char *command, const char *path, struct outcome *outcome)
{
	char *variable = NULL, **env = make_environment(path, &variable);
	pid_t pid;

	memset(outcome, 0, sizeof(*outcome));
	outcome->err = env ? spawn(command, path, env, &pid) : -ENOMEM;
	free(env);
	free(variable);
	while (!outcome->err && waitpid(pid, &outcome->status, 0) < 0)
		if (errno != EINTR)
			outcome->err = -errno;
}

/*
 * A process of its own, made before privileges are given up and system calls are
 * filtered: it does nothing but this, and the commands can do what they could if
 * they were started by hand. It ends with pping, or behind a command that goes on.
 */
static void runner(const char *command, int fd)
{
	char path[PATH_MAX];
	struct outcome outcome;
	sigset_t all;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	/* Ctrl-C and whoever signals all that are called pping mean the other one */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGCHLD, SIG_DFL);
	prctl(PR_SET_NAME, "pping-on-rotate", 0, 0, 0);
	/* what a unit or setcap gave is for measuring */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	dup2(null, STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	/* whoever waits for the end of pping's output must not wait for us */
	dup2(fd, STDERR_FILENO + 1);
	fcntl(STDERR_FILENO + 1, F_SETFD, FD_CLOEXEC);
	closefrom(STDERR_FILENO + 2);
	fd = STDERR_FILENO + 1;
	for (;;) {
		ssize_t n = recv(fd, path, sizeof(path), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || path[n - 1])
			_exit(0);
		run_one(command, path, &outcome);
		if (send(fd, &outcome, sizeof(outcome), MSG_NOSIGNAL) < 0)
			_exit(0);
	}
}

static int start_runner(struct commands *c, const char *command)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		int err = -errno;

		close(ends[0]);
		close(ends[1]);
		return err;
	}
	if (!pid)
		runner(command, ends[1]);
	close(ends[1]);
	c->fd = ends[0];
	return 0;
}

/* --- files and their commands ------------------------------------------------------- */

static void forget_first(struct commands *c)
{
	struct waiting *w = STAILQ_FIRST(&c->waiting);

	STAILQ_REMOVE_HEAD(&c->waiting, entry);
	c->n_waiting--;
	free(w);
}

static void forget_runner(struct commands *c)
{
	loop__remove(c->source);
	c->source = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static void complain(const struct commands *c, const char *why, int number)
{
	fprintf(stderr, "pping: --on-rotate for %s: %s %d\n", STAILQ_FIRST(&c->waiting)->path, why,
		number);
}

static void complain_not_run(const struct commands *c, int err)
{
	fprintf(stderr, "pping: --on-rotate for %s: %s\n", STAILQ_FIRST(&c->waiting)->path,
		err == -EPIPE ? "the process that runs commands is gone" : strerror(-err));
}

static int start(struct commands *c)
{
	const char *path = STAILQ_FIRST(&c->waiting)->path;
	ssize_t n;

	if (c->fd < 0)
		return -EPIPE;
	do {
		n = send(c->fd, path, strlen(path) + 1, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void start_next(struct commands *c)
{
	while (!c->running && !STAILQ_EMPTY(&c->waiting)) {
		int err = start(c);

		c->running = !err;
		/* each failure costs one file's command, not the others' */
		if (err) {
			complain_not_run(c, err);
			forget_first(c);
		}
	}
}

static void tell(const struct commands *c, const struct outcome *o)
{
	if (o->err)
		complain_not_run(c, o->err);
	else if (WIFSIGNALED(o->status))
		complain(c, "was ended by signal", WTERMSIG(o->status));
	else if (WEXITSTATUS(o->status))
		complain(c, "failed with status", WEXITSTATUS(o->status));
}

static int on_answer(void *ctx, uint32_t epoll_events)
{
	struct outcome outcome = {};
	struct commands *c = ctx;
	ssize_t n;

	(void)epoll_events;
	do {
		n = recv(c->fd, &outcome, sizeof(outcome), 0);
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(outcome)) {
		outcome.err = -EPIPE;
		forget_runner(c);
	}
	if (c->running) {
		tell(c, &outcome);
		c->running = false;
		forget_first(c);
	}
	start_next(c);
	return 0;
}

int commands__new(struct commands **commands, struct loop *loop, const char *command)
{
	struct commands *c = calloc(1, sizeof(*c));
	int err = c ? 0 : -ENOMEM;

	if (c) {
		STAILQ_INIT(&c->waiting);
		c->loop = loop;
		c->fd = -1;
		err = start_runner(c, command);
		if (!err)
			err = loop__add(loop, c->fd, EPOLLIN, on_answer, c, &c->source);
	}
	if (err) {
		fprintf(stderr, "pping: --on-rotate: %s\n", strerror(-err));
		commands__free(c);
		return err;
	}
	*commands = c;
	return 0;
}

void commands__add(struct commands *c, const char *path)
{
	struct waiting *w;

	if (c->n_waiting == WAITING_MAX) {
		if (!c->left_out++)
			fprintf(stderr,
				"pping: --on-rotate: %d files wait for a command that does not "
				"end; "
				"no more are taken\n",
				WAITING_MAX);
		return;
	}
	w = malloc(sizeof(*w) + strlen(path) + 1);
	if (!w) {
		c->left_out++;
		return;
	}
	strcpy(w->path, path);
	STAILQ_INSERT_TAIL(&c->waiting, w, entry);
	c->n_waiting++;
	start_next(c);
}

void commands__finish(struct commands *c, int timeout_ms)
{
	uint64_t deadline = clock__now() + (uint64_t)timeout_ms * MS_NS;

	while (c->running) {
		struct pollfd p = { .fd = c->fd, .events = POLLIN };
		uint64_t now = clock__now();

		if (now >= deadline)
			break;
		if (poll(&p, 1, (int)((deadline - now) / MS_NS) + 1) > 0)
			on_answer(c, 0);
	}
	if (c->running)
		fprintf(stderr, "pping: --on-rotate for %s: goes on; not waiting any longer\n",
			STAILQ_FIRST(&c->waiting)->path);
	c->left_out += c->n_waiting - c->running;
	if (c->left_out)
		fprintf(stderr, "pping: --on-rotate: did not run for %zu files\n", c->left_out);
}

void commands__free(struct commands *c)
{
	if (!c)
		return;
	forget_runner(c);
	while (!STAILQ_EMPTY(&c->waiting))
		forget_first(c);
	free(c);
}
