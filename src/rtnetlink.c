// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/rtnetlink.h"

#include <fnmatch.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <string.h>
#include <sys/socket.h>

bool rtnetlink__is_pattern(const char *name)
{
	return strpbrk(name, "*?[");
}

/* Takes the place of a name that stands further behind in the list. */
static void want(struct netdev_info *info, int place)
{
	if (info->wanted < 0 || place < info->wanted)
		info->wanted = place;
}

static void match_name(const char *const *names, const struct rtattr *attr,
		       struct netdev_info *info)
{
	for (int i = 0; names[i]; i++)
		if (netlink__is_string(attr, names[i]))
			want(info, i);
}

static void match_alternative_names(const char *const *names, const struct rtattr *list,
				    struct netdev_info *info)
{
	struct netlink_span span = netlink__nested(list);
	const struct rtattr *attr;

	while ((attr = netlink__attribute(&span)))
		if (netlink__type(attr) == IFLA_ALT_IFNAME)
			match_name(names, attr, info);
}

static void match_patterns(const char *const *names, struct netdev_info *info)
{
	if (info->arp_type == ARPHRD_LOOPBACK || !*info->name)
		return;
	for (int i = 0; names[i] && info->wanted < 0; i++)
		if (rtnetlink__is_pattern(names[i]) && !fnmatch(names[i], info->name, 0))
			info->wanted = i;
}

static void read_name(const struct rtattr *attr, struct netdev_info *info)
{
	size_t len = RTA_PAYLOAD(attr);

	if (len >= sizeof(info->name))
		len = sizeof(info->name) - 1;
	memcpy(info->name, RTA_DATA(attr), len);
}

static __u32 read_index(const struct rtattr *attr)
{
	__u32 index = 0;

	netlink__value(attr, &index, sizeof(index));
	return index;
}

/* Of a device that lies on another: whether the same frames pass both. A tunnel's are within others there. */
static bool is_a_layer(const struct rtattr *info)
{
	static const char *const kinds[] = { "vlan",   "macvlan", "macvtap", "ipvlan",
					     "ipvtap", "veth",	  "dsa",     NULL };
	struct netlink_span attrs = netlink__nested(info);
	const struct rtattr *attr;

	while ((attr = netlink__attribute(&attrs)))
		for (int i = 0; netlink__type(attr) == IFLA_INFO_KIND && kinds[i]; i++)
			if (netlink__is_string(attr, kinds[i]))
				return true;
	return false;
}

/* Whether it has an MTU. */
static bool read_link(struct netlink_span attrs, const char *const *names, struct netdev_info *info)
{
	bool has_mtu = false, elsewhere = false, layer = false;
	const struct rtattr *attr;

	while ((attr = netlink__attribute(&attrs))) {
		int type = netlink__type(attr);

		if (type == IFLA_MTU)
			has_mtu |= netlink__value(attr, &info->mtu, sizeof(info->mtu));
		else if (type == IFLA_STATS64)
			info->has_stats = netlink__value(attr, &info->stats, sizeof(info->stats));
		else if (type == IFLA_LINK)
			info->lower = (int)read_index(attr);
		else if (type == IFLA_LINK_NETNSID)
			elsewhere = true;
		else if (type == IFLA_LINKINFO)
			layer = is_a_layer(attr);
		else if (type == IFLA_MASTER)
			info->master = (int)read_index(attr);
		else if (type == IFLA_PROP_LIST)
			match_alternative_names(names, attr, info);
		else if (type == IFLA_IFNAME) {
			read_name(attr, info);
			match_name(names, attr, info);
		}
	}
	if (elsewhere || !layer)
		info->lower = 0;
	return has_mtu;
}

bool rtnetlink__link(const struct nlmsghdr *message, const char *const *names,
		     struct netdev_info *info)
{
	const struct ifinfomsg *link = NLMSG_DATA(message);
	struct netlink_span attrs;
	bool has_mtu;

	/* Other families tell of bridge ports. */
	if (!netlink__attributes(message, sizeof(*link), &attrs) || link->ifi_family != AF_UNSPEC ||
	    link->ifi_index <= 0)
		return false;
	*info = (struct netdev_info){
		.ifindex = link->ifi_index,
		.arp_type = link->ifi_type,
		.up = link->ifi_flags & IFF_UP,
		.running = link->ifi_flags & IFF_RUNNING,
		.wanted = -1,
	};
	has_mtu = read_link(attrs, names, info);
	match_patterns(names, info);
	/* Wireless events are RTM_NEWLINK without. */
	return has_mtu || message->nlmsg_type == RTM_DELLINK;
}

static bool is_unicast(const union pping_addr *addr, bool v4)
{
	static const union pping_addr any;

	if (v4)
		return addr->w[3] && (addr->b[12] & 0xf0) != 0xe0;
	return memcmp(addr, &any, sizeof(any)) && addr->b[0] != 0xff;
}

static bool read_addr(const struct rtattr *attr, bool v4, union pping_addr *addr)
{
	if (!v4)
		return netlink__value(attr, addr, sizeof(*addr));
	*addr = (union pping_addr){ .b = { [10] = 0xff, [11] = 0xff } };
	return netlink__value(attr, &addr->w[3], sizeof(addr->w[3]));
}

bool rtnetlink__address(const struct nlmsghdr *message, struct address *address, bool *present)
{
	const struct ifaddrmsg *ifa = NLMSG_DATA(message);
	bool has_local = false, has_peer = false, v4;
	struct netlink_span attrs;
	const struct rtattr *attr;

	if (!netlink__attributes(message, sizeof(*ifa), &attrs) || !ifa->ifa_index ||
	    (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6))
		return false;
	v4 = ifa->ifa_family == AF_INET;
	/* After a failed duplicate address detection the address is another host's. */
	*present = message->nlmsg_type == RTM_NEWADDR && !(ifa->ifa_flags & IFA_F_DADFAILED);
	*address = (struct address){ .ifindex = (int)ifa->ifa_index };
	/* IFA_LOCAL is the interface's own address and IFA_ADDRESS its peer's. Without peer IPv6 has no IFA_LOCAL. */
	while ((attr = netlink__attribute(&attrs))) {
		if (netlink__type(attr) == IFA_LOCAL)
			has_local |= read_addr(attr, v4, &address->addr);
		else if (netlink__type(attr) == IFA_ADDRESS)
			has_peer |= read_addr(attr, v4, &address->peer);
	}
	if (!has_local)
		address->addr = address->peer;
	if (v4)
		address->prefix_len = ifa->ifa_prefixlen;
	else /* the kernel can change the peer of an IPv6 address, it identifies nothing */
		address->peer = (union pping_addr){ 0 };
	return (has_local || has_peer) && is_unicast(&address->addr, v4);
}
