// SPDX-License-Identifier: GPL-2.0-or-later
#include "anonymize_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secret.h"

#define KEY_MAX 64
/* The longest file that can be one: hexadecimal digits, CR LF, and a byte too many. */
#define TEXT_MAX (2 * KEY_MAX + 3)

static int complain(const char *path, const char *why, int err)
{
	fprintf(stderr, "pping: --anonymize-key %s: %s\n", path, why);
	return err;
}

/* -1: not a digit */
static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool is_hex(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (hex_digit(text[i]) < 0)
			return false;
	return len > 0;
}

static size_t without_newline(const char *text, size_t len)
{
	if (len && text[len - 1] == '\n')
		len--;
	if (len && text[len - 1] == '\r')
		len--;
	return len;
}

/* NULL or what is wrong with it. */
static const char *decode(const char *text, size_t len, uint8_t *key, size_t size)
{
	static const char *const wrong_length = "the method wants a key of another length";
	size_t digits = without_newline(text, len);

	if (is_hex(text, digits)) {
		/* also where the digits are as many as raw bytes should be: nobody's random bytes look so */
		if (digits != 2 * size)
			return wrong_length;
		for (size_t i = 0; i < size; i++)
			key[i] =
				(uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
		return NULL;
	}
	if (len != size)
		return wrong_length;
	memcpy(key, text, size);
	return NULL;
}

static int check_file(const char *path, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return complain(path, strerror(errno), -errno);
	if (!S_ISREG(st.st_mode))
		return complain(path, "is not a regular file", -EINVAL);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return complain(path,
				"others may read or write it; chmod 600 it, or make a new key",
				-EPERM);
	return 0;
}

/* The length, or a negative errno. */
static ssize_t read_all(int fd, char *text, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, text + len, size - len);

		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int read_key(const char *path, int fd, char *text, uint8_t *key, size_t size)
{
	char why[160];
	const char *wrong;
	ssize_t len;
	int err = check_file(path, fd);

	if (err)
		return err;
	len = read_all(fd, text, TEXT_MAX);
	if (len < 0)
		return complain(path, strerror((int)-len), (int)len);
	wrong = decode(text, (size_t)len, key, size);
	if (!wrong)
		return 0;
	snprintf(why, sizeof(why), "%s: give %zu bytes, or %zu hexadecimal digits", wrong, size,
		 2 * size);
	return complain(path, why, -EINVAL);
}

int anonymize_key__read(const char *path, uint8_t *key, size_t size)
{
	/* O_NONBLOCK: a FIFO would wait for a writer */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err;
	bool locked;
	char *text;

	if (fd < 0)
		return complain(path, strerror(errno), -errno);
	text = secret__new(TEXT_MAX, &locked);
	err = text ? read_key(path, fd, text, key, size)
		   : complain(path, strerror(ENOMEM), -ENOMEM);
	secret__free(text, TEXT_MAX);
	close(fd);
	return err;
}

int anonymize_key__random(uint8_t *key, size_t size)
{
	ssize_t len;

	/* up to 256 bytes come whole, random(7) */
	do {
		len = getrandom(key, size, 0);
	} while (len < 0 && errno == EINTR);
	if (len == (ssize_t)size)
		return 0;
	fprintf(stderr, "pping: no random bytes for a key: %s\n", strerror(errno));
	return -EIO;
}
