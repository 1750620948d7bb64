/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of what writes files: a directory of their own, what is in its files,
 * and the standard streams led elsewhere for a while. Paths are whole ones, as
 * path_of() makes them.
 */
#ifndef TESTS_UNIT_FILES_H
#define TESTS_UNIT_FILES_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "src/text.h"
#include "tests/unit/test.h"

/* --- the directory ------------------------------------------------------------------- */

static char dir[64];

static inline void begin_dir(const char *test)
{
	snprintf(dir, sizeof(dir), "/tmp/%s.XXXXXX", test);
	if (!mkdtemp(dir)) {
		perror(dir);
		exit(EXIT_FAILURE);
	}
}

/* Good until the fourth call after it. */
static inline const char *path_of(const char *name)
{
	static char path[4][PATH_MAX];
	static int next;
	char *p = path[next++ % 4];

	snprintf(p, PATH_MAX, "%s/%s", dir, name);
	return p;
}

static inline int count_files(void)
{
	struct dirent *entry;
	DIR *d = opendir(dir);
	int n = 0;

	while (d && (entry = readdir(d)))
		n += entry->d_name[0] != '.';
	closedir(d);
	return n;
}

static inline void empty_dir(void)
{
	struct dirent *entry;
	DIR *d = opendir(dir);

	while (d && (entry = readdir(d)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlink(path_of(entry->d_name));
	closedir(d);
}

static inline void end_dir(void)
{
	char command[80];

	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command))
		exit(EXIT_FAILURE);
}

/* --- files ----------------------------------------------------------------------------- */

static inline bool exists(const char *path)
{
	return !access(path, F_OK);
}

static inline off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : st.st_size;
}

/* Behind what is there. */
static inline void write_file(const char *path, const char *content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	CHECK(fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content));
	close(fd);
}

/* All of it, gzip unpacked; ends with a zero byte that does not count. */
static inline struct text read_file(const char *path)
{
	gzFile file = gzopen(path, "rb");
	struct text t = { 0 };
	int n = 0;

	while (file && (n = gzread(file, text__reserve(&t, 65537), 65536)) > 0)
		t.len += (size_t)n;
	*text__reserve(&t, 1) = 0;
	CHECK(file && n == 0);
	if (file)
		gzclose(file);
	return t;
}

/* Up to the end, or of what doesn't block until there is nothing; likewise. */
static inline struct text read_fd(int fd)
{
	struct text t = { 0 };
	ssize_t n;

	while ((n = read(fd, text__reserve(&t, 65537), 65536)) > 0)
		t.len += (size_t)n;
	*text__reserve(&t, 1) = 0;
	return t;
}

static inline void check_file(const char *path, const char *want)
{
	struct text t = read_file(path);

	CHECK_STR(t.data, want);
	text__free(&t);
}

static inline int count_lines(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/*
 * Calls fill in a process and mount namespace of its own, where the directory is an
 * empty disk of so many bytes; what fails there fails here.
 */
static inline void on_small_disk(unsigned int bytes, void (*fill)(const void *ctx), const void *ctx)
{
	int status = -1;
	char size[32];
	pid_t pid;

	snprintf(size, sizeof(size), "size=%u", bytes);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount("tmpfs", dir, "tmpfs", 0, size))
			_exit(77);
		fill(ctx);
		fflush(stdout);
		_exit(test_failed_here);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		SKIP("can't mount a tmpfs in a namespace of my own");
	else
		CHECK_INT(status, 0);
}

/* --- standard output and standard error ------------------------------------------------- */

static int saved_stdout = -1, saved_stderr = -1, stderr_pipe = -1;

/* -1: closed */
static inline void stdout_to(int fd)
{
	fflush(stdout);
	saved_stdout = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		close(STDOUT_FILENO);
	else
		dup2(fd, STDOUT_FILENO);
}

/* The end to read from; standard output is the only other one. */
static inline int stdout_to_pipe(void)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC))
		abort();
	stdout_to(fd[1]);
	close(fd[1]);
	return fd[0];
}

static inline void stdout_back(void)
{
	dup2(saved_stdout, STDOUT_FILENO);
	close(saved_stdout);
}

/* A pipe, because a file would feel RLIMIT_FSIZE. */
static inline void catch_stderr(void)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC))
		abort();
	saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(fd[1], STDERR_FILENO);
	close(fd[1]);
	stderr_pipe = fd[0];
	/* another process may have the other end still */
	fcntl(stderr_pipe, F_SETFL, O_NONBLOCK);
}

/* Good until the next call. */
static inline const char *caught_stderr(void)
{
	static struct text t;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	text__free(&t);
	t = read_fd(stderr_pipe);
	close(stderr_pipe);
	return t.data;
}

/* --- time ------------------------------------------------------------------------------- */

static inline uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

#endif /* TESTS_UNIT_FILES_H */
