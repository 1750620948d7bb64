// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/rtnetlink.h"

#include "tests/unit/test.h"

/* An RTM_NEWLINK message, attribute by attribute. */
struct message {
	union {
		struct nlmsghdr header;
		char bytes[256];
	};
};

static void begin(struct message *m, int ifindex)
{
	struct ifinfomsg link = { .ifi_index = ifindex };

	memset(m, 0, sizeof(*m));
	m->header = (struct nlmsghdr){ .nlmsg_len = NLMSG_LENGTH(sizeof(link)),
				       .nlmsg_type = RTM_NEWLINK };
	memcpy(NLMSG_DATA(&m->header), &link, sizeof(link));
}

static struct rtattr *put(struct message *m, unsigned short type, const void *value, size_t len)
{
	struct rtattr *attr = (struct rtattr *)(m->bytes + NLMSG_ALIGN(m->header.nlmsg_len));

	attr->rta_type = type;
	attr->rta_len = RTA_LENGTH(len);
	memcpy(RTA_DATA(attr), value, len);
	m->header.nlmsg_len = NLMSG_ALIGN(m->header.nlmsg_len) + RTA_ALIGN(attr->rta_len);
	return attr;
}

/* Device 7 lies on 3 and is of that kind; NULL: it does not tell. */
static int lower_of(const char *kind, const char *slave_kind)
{
	static const char *const names[] = { "x*", NULL };
	struct netdev_info info;
	struct message m;
	int lower = 3;

	begin(&m, 7);
	put(&m, IFLA_IFNAME, "x0", 3);
	put(&m, IFLA_MTU, &(int){ 1500 }, 4);
	put(&m, IFLA_LINK, &lower, sizeof(lower));
	if (kind) {
		struct rtattr *nest = put(&m, IFLA_LINKINFO, "", 0);

		put(&m, IFLA_INFO_KIND, kind, strlen(kind) + 1);
		put(&m, IFLA_INFO_SLAVE_KIND, slave_kind, strlen(slave_kind) + 1);
		nest->rta_len = (unsigned short)(m.bytes + m.header.nlmsg_len - (char *)nest);
	}
	CHECK(rtnetlink__link(&m.header, names, &info));
	CHECK_STR(info.name, "x0");
	CHECK_INT(info.wanted, 0);
	return info.lower;
}

static void a_layer_has_the_frames_of_what_is_below(void)
{
	CHECK_INT(lower_of("vlan", "bridge"), 3);
	CHECK_INT(lower_of("macvlan", "bridge"), 3);
	CHECK_INT(lower_of("veth", "bridge"), 3);
}

static void a_tunnel_has_others(void)
{
	CHECK_INT(lower_of("gretap", "bridge"), 0);
	CHECK_INT(lower_of("ipip", "vlan"), 0);
	CHECK_INT(lower_of("vlanx", "bridge"), 0);
	CHECK_INT(lower_of(NULL, NULL), 0);
}

int main(void)
{
	RUN(a_layer_has_the_frames_of_what_is_below);
	RUN(a_tunnel_has_others);
	return TEST_EXIT();
}
