// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/syscall.h>
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
	char *command;
	struct waiting_list waiting; /* the first one is running if pid is not 0 */
	size_t n_waiting;
	size_t left_out;
	pid_t pid;
	int pid_fd;
	struct loop_source *source;
};

int commands__new(struct commands **commands, struct loop *loop, const char *command)
{
	struct commands *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	STAILQ_INIT(&c->waiting);
	c->loop = loop;
	c->pid_fd = -1;
	c->command = strdup(command);
	if (!c->command) {
		free(c);
		return -ENOMEM;
	}
	*commands = c;
	return 0;
}

static void forget_first(struct commands *c)
{
	struct waiting *w = STAILQ_FIRST(&c->waiting);

	STAILQ_REMOVE_HEAD(&c->waiting, entry);
	c->n_waiting--;
	free(w);
}

static void forget_process(struct commands *c)
{
	loop__remove(c->source);
	c->source = NULL;
	if (c->pid_fd >= 0)
		close(c->pid_fd);
	c->pid_fd = -1;
	c->pid = 0;
}

static void complain(const struct commands *c, const char *why, int number)
{
	fprintf(stderr, "pping: --on-rotate for %s: %s %d\n", STAILQ_FIRST(&c->waiting)->path, why,
		number);
}

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

static int spawn(struct commands *c, const char *path, char **env)
{
	char *argv[] = {
		(char *)"sh", (char *)"-c", c->command, (char *)"pping", (char *)path, NULL
	};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, defaults;
	int err;

	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	sigaddset(&defaults, SIGXFSZ);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
	err = posix_spawn(&c->pid, "/bin/sh", &files, &attr, argv, env);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return -err;
}

static int start(struct commands *c)
{
	const char *path = STAILQ_FIRST(&c->waiting)->path;
	char *variable = NULL, **env = make_environment(path, &variable);
	int err = env ? spawn(c, path, env) : -ENOMEM;

	free(env);
	free(variable);
	if (err) {
		c->pid = 0;
		return err;
	}
	c->pid_fd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	return c->pid_fd < 0 ? -errno : 0;
}

/* The process has ended, or is about to where it could not be watched. */
static void reap(struct commands *c)
{
	int status = 0;
	pid_t pid;

	do {
		pid = waitpid(c->pid, &status, 0);
	} while (pid < 0 && errno == EINTR);
	if (pid < 0)
		return;
	if (WIFSIGNALED(status))
		complain(c, "was ended by signal", WTERMSIG(status));
	else if (WEXITSTATUS(status))
		complain(c, "failed with status", WEXITSTATUS(status));
}

static void start_next(struct commands *c);

static int on_end(void *ctx, uint32_t epoll_events)
{
	struct commands *c = ctx;

	(void)epoll_events;
	reap(c);
	forget_process(c);
	forget_first(c);
	start_next(c);
	return 0;
}

/* Each failure costs one file's command, not the others'. */
static void start_next(struct commands *c)
{
	while (!c->pid && !STAILQ_EMPTY(&c->waiting)) {
		int err = start(c);

		if (!err)
			err = loop__add(c->loop, c->pid_fd, EPOLLIN, on_end, c, &c->source);
		if (!err)
			return;
		fprintf(stderr, "pping: --on-rotate for %s: %s\n", STAILQ_FIRST(&c->waiting)->path,
			strerror(-err));
		forget_process(c);
		forget_first(c);
	}
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

	while (c->pid) {
		struct pollfd p = { .fd = c->pid_fd, .events = POLLIN };
		uint64_t now = clock__now();

		if (now >= deadline)
			break;
		if (poll(&p, 1, (int)((deadline - now) / MS_NS) + 1) > 0)
			on_end(c, 0);
	}
	if (c->pid)
		fprintf(stderr, "pping: --on-rotate for %s: goes on; not waiting any longer\n",
			STAILQ_FIRST(&c->waiting)->path);
	c->left_out += c->n_waiting - (c->pid != 0);
	if (c->left_out)
		fprintf(stderr, "pping: --on-rotate: did not run for %zu files\n", c->left_out);
}

void commands__free(struct commands *c)
{
	if (!c)
		return;
	forget_process(c);
	while (!STAILQ_EMPTY(&c->waiting))
		forget_first(c);
	free(c->command);
	free(c);
}
