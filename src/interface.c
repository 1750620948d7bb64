// SPDX-License-Identifier: GPL-2.0-or-later
#include "src/interface.h"

#include <errno.h>
#include <net/if_arp.h>
#include <stdio.h>

int interface__check(const char *name, const struct netdev_info *device,
		     const struct options *options)
{
	bool l3 = netdev__is_l3(device->arp_type);

	if (!l3 && !netdev__is_ethernet(device->arp_type)) {
		fprintf(stderr, "pping: %s: not an Ethernet, PPP or IP interface (ARP type %u)\n",
			name, device->arp_type);
		return -EPROTONOSUPPORT;
	}
	if (l3 && options->ingress_hook == HOOK_XDP) {
		fprintf(stderr,
			"pping: %s: XDP needs an interface with Ethernet headers; use "
			"-I tc\n",
			name);
		return -EOPNOTSUPP;
	}
	return 0;
}

enum kernel_link interface__link(const struct netdev_info *device)
{
	if (netdev__is_l3(device->arp_type))
		return KERNEL_L3;
	return device->arp_type == ARPHRD_LOOPBACK ? KERNEL_LOOPBACK : KERNEL_ETHERNET;
}

void interface__note(const struct interface *i, const char *text)
{
	if (!i->options->quiet)
		fprintf(stderr, "pping: %s %s\n", i->name, text);
}

/* Once, however many there are and however often we attach. */
static void note_shortcoming(const struct interface *i)
{
	static bool said;
	const char *what = attach__shortcoming(i->attach);

	if (said || !what)
		return;
	said = true;
	interface__note(i, what);
}

int interface__attach(struct interface *i, struct kernel *kernel)
{
	struct attach_settings settings = {
		.kernel = kernel,
		.name = i->name,
		.ifindex = i->device.ifindex,
		.link = interface__link(&i->device),
		.ingress_hook = i->options->ingress_hook,
		.xdp_mode = i->options->xdp_mode,
	};
	char text[128];
	int err = attach__new(&i->attach, &settings);

	if (err)
		return err;
	snprintf(i->how, sizeof(i->how), "%s", attach__how(i->attach));
	snprintf(text, sizeof(text), "is being monitored (%s)%s", i->how,
		 i->device.up ? "" : "; it is down");
	interface__note(i, text);
	note_shortcoming(i);
	return 0;
}

void interface__detach(struct interface *i)
{
	attach__free(i->attach);
	i->attach = NULL;
}

const char *interface__how(const struct interface *i)
{
	if (!i->device.ifindex)
		return "away";
	return *i->how ? i->how : "not monitored";
}
