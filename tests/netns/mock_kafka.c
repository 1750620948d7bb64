// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A broker that speaks Kafka's protocol: the mock cluster that comes with librdkafka.
 *
 *   mock_kafka TOPIC PARTITIONS
 *
 * Prints its bootstrap servers. SIGUSR1 takes it down (connections are closed and refused),
 * SIGUSR2 up again. Ends with SIGTERM.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

int main(int argc, char **argv)
{
	rd_kafka_mock_cluster_t *cluster;
	char error[256];
	sigset_t signals;
	rd_kafka_t *rk;
	int signo;

	if (argc != 3)
		return 2;
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGUSR2);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), error, sizeof(error));
	cluster = rk ? rd_kafka_mock_cluster_new(rk, 1) : NULL;
	if (!cluster || rd_kafka_mock_topic_create(cluster, argv[1], atoi(argv[2]), 1)) {
		fprintf(stderr, "mock_kafka: no cluster\n");
		return 1;
	}
	printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
	fflush(stdout);
	while (!sigwait(&signals, &signo) && signo != SIGTERM) {
		if (signo == SIGUSR1)
			rd_kafka_mock_broker_set_down(cluster, 1);
		else
			rd_kafka_mock_broker_set_up(cluster, 1);
	}
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(rk);
	return 0;
}
