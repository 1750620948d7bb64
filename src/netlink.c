// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/netlink.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* A burst of some thousand notifications; takes memory only while they wait. */
#define RECEIVE_BUFFER (4 * 1024 * 1024)
#define ANSWER_TIMEOUT_S 5

/* Take size bytes and what pads them to 4; the last item may go without padding. */
static void advance(struct netlink_span *span, size_t size)
{
	size = NLMSG_ALIGN(size);
	if (size > span->left)
		size = span->left;
	span->at += size;
	span->left -= size;
}

const struct nlmsghdr *netlink__message(struct netlink_span *span)
{
	const struct nlmsghdr *message = (const void *)span->at;

	if (span->left < sizeof(*message) || message->nlmsg_len < sizeof(*message) ||
	    message->nlmsg_len > span->left)
		return NULL;
	advance(span, message->nlmsg_len);
	return message;
}

const struct rtattr *netlink__attribute(struct netlink_span *span)
{
	const struct rtattr *attr = (const void *)span->at;

	if (span->left < sizeof(*attr) || attr->rta_len < sizeof(*attr) ||
	    attr->rta_len > span->left)
		return NULL;
	advance(span, attr->rta_len);
	return attr;
}

bool netlink__attributes(const struct nlmsghdr *message, size_t header_size,
			 struct netlink_span *span)
{
	if (message->nlmsg_len < NLMSG_LENGTH(header_size))
		return false;
	*span = (struct netlink_span){ (const char *)message, message->nlmsg_len };
	advance(span, NLMSG_LENGTH(header_size));
	return true;
}

struct netlink_span netlink__nested(const struct rtattr *attr)
{
	return (struct netlink_span){ RTA_DATA(attr), RTA_PAYLOAD(attr) };
}

int netlink__type(const struct rtattr *attr)
{
	return attr->rta_type & NLA_TYPE_MASK;
}

bool netlink__value(const struct rtattr *attr, void *value, size_t size)
{
	if (RTA_PAYLOAD(attr) < size)
		return false;
	memcpy(value, RTA_DATA(attr), size);
	return true;
}

bool netlink__is_string(const struct rtattr *attr, const char *string)
{
	size_t size = strlen(string) + 1;

	return RTA_PAYLOAD(attr) >= size && !memcmp(RTA_DATA(attr), string, size);
}

static int open_socket(int type_flags, unsigned int groups)
{
	const struct sockaddr_nl self = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | type_flags, NETLINK_ROUTE);
	int err;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&self, sizeof(self))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int netlink__subscribe(unsigned int groups)
{
	const int size = RECEIVE_BUFFER;
	int fd = open_socket(SOCK_NONBLOCK, groups);

	/* Root may exceed net.core.rmem_max; without it, a smaller buffer overflows sooner. */
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

int netlink__receive(int fd, void *buf)
{
	struct sockaddr_nl sender;
	struct iovec iov = { buf, NETLINK_BUFFER };
	ssize_t len;

	for (;;) {
		struct msghdr msg = { .msg_name = &sender,
				      .msg_namelen = sizeof(sender),
				      .msg_iov = &iov,
				      .msg_iovlen = 1 };

		len = recvmsg(fd, &msg, 0);
		if (len < 0 && errno != EINTR)
			return -errno;
		/* Other processes can write to us as well. */
		if (len < 0 || msg.msg_namelen != sizeof(sender) || sender.nl_pid)
			continue;
		return msg.msg_flags & MSG_TRUNC ? -EMSGSIZE : (int)len;
	}
}

struct answer {
	uint32_t seq;
	bool done;
	bool interrupted;
	netlink_fn fn;
	void *ctx;
};

/* The errno that NLMSG_DONE and NLMSG_ERROR begin with; 0 is an acknowledgement. */
static int final_error(const struct nlmsghdr *message)
{
	int32_t err = 0;

	if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(err)))
		memcpy(&err, NLMSG_DATA(message), sizeof(err));
	else if (message->nlmsg_type == NLMSG_ERROR)
		err = -EPROTO;
	return err <= 0 ? err : -EPROTO;
}

static int read_answer(struct answer *answer, const void *buf, size_t len)
{
	struct netlink_span span = { buf, len };
	const struct nlmsghdr *message;
	int err = 0;

	while (!err && !answer->done && (message = netlink__message(&span))) {
		if (message->nlmsg_seq != answer->seq)
			continue;
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			answer->interrupted = true;
		if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) {
			answer->done = true;
			err = final_error(message);
		} else if (message->nlmsg_type >= NLMSG_MIN_TYPE) {
			err = answer->fn(answer->ctx, message);
		}
	}
	if (!err && answer->done && answer->interrupted)
		err = -EINTR;
	return err;
}

static int send_request(int fd, const struct nlmsghdr *request)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	const struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_S };

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)))
		return -errno;
	if (sendto(fd, request, request->nlmsg_len, 0, (const struct sockaddr *)&kernel,
		   sizeof(kernel)) < 0)
		return -errno;
	return 0;
}

int netlink__request(struct nlmsghdr *request, netlink_fn fn, void *ctx)
{
	struct answer answer = { .seq = 1, .fn = fn, .ctx = ctx };
	int fd, err, len;
	void *buf;

	fd = open_socket(0, 0);
	if (fd < 0)
		return fd;
	err = -ENOMEM;
	buf = malloc(NETLINK_BUFFER);
	if (!buf)
		goto out;
	request->nlmsg_seq = answer.seq;
	/* So that the end can be told: a dump ends with NLMSG_DONE, anything else with its receipt. */
	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	err = send_request(fd, request);
	while (!err && !answer.done) {
		len = netlink__receive(fd, buf);
		if (len < 0)
			err = len == -EAGAIN ? -ETIMEDOUT : len;
		else
			err = read_answer(&answer, buf, len);
	}
out:
	free(buf);
	close(fd);
	return err;
}
