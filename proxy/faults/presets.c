/*
 * The middleboxes whose idle timers are known, for idle_timeout. A row says no more than its
 * source does; where something is assumed, the row says that. What only passes segments on (NAT,
 * firewall, L4 balancer) counts keepalive probes as traffic; what ends TCP itself (an L7 proxy, a
 * server) answers them itself, and closes.
 */
#include "faults/presets.h"
#include <stddef.h>

/* name, settings, about, source with the year and month of what it says or of the reading. */
/* clang-format off */
#define PRESETS(X) \
	X("aws-nlb", "after=350s mode=rst_next keepalive_counts=yes", \
	  "AWS Network Load Balancer, TCP listener: 350 s unless set from 60 to " \
	  "6000 s", \
	  "docs.aws.amazon.com/elasticloadbalancing/latest/network/update-idle-timeout.html; " \
	  "RST seen in istio/istio#16572; read 2026-11") \
	X("aws-nat-gateway", "after=350s mode=rst_next keepalive_counts=yes", \
	  "AWS NAT gateway: RST to what comes later, no FIN", \
	  "AWS documentation as quoted in encode/httpx#2975; read 2026-11") \
	X("aws-vpc-endpoint", "after=350s mode=drop keepalive_counts=yes", \
	  "AWS VPC endpoint: what comes later is not delivered", \
	  "aws.amazon.com/blogs/networking-and-content-delivery/" \
	  "implementing-long-running-tcp-connections-within-vpc-networking; " \
	  "read 2026-11") \
	X("aws-gwlb", "after=350s mode=drop keepalive_counts=yes", \
	  "AWS Gateway Load Balancer: 350 s unless set from 60 to 6000 s", \
	  "the AWS article of aws-vpc-endpoint; " \
	  "docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ListenerAttribute.html; " \
	  "read 2026-11") \
	X("aws-network-firewall", "after=350s mode=drop keepalive_counts=yes", \
	  "AWS Network Firewall: 350 s unless set from 60 to 6000 s; only a SYN " \
	  "begins a new flow", \
	  "docs.aws.amazon.com/network-firewall/latest/APIReference/API_FlowTimeouts.html; " \
	  "read 2026-11") \
	X("aws-sg-conntrack", "after=432000s mode=drop keepalive_counts=yes", \
	  "AWS security groups' connection tracking: 432000 s", \
	  "docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ConnectionTrackingConfiguration.html; " \
	  "read 2026-11") \
	X("aws-sg-conntrack-nitro6", "after=350s mode=drop keepalive_counts=yes", \
	  "AWS security groups' connection tracking on Nitro v6 instances: 350 s " \
	  "where it was 5 days", \
	  "docs.aws.amazon.com/sdk-for-python/v4/reference/clients/ec2/structures/" \
	  "ConnectionTrackingConfiguration; " \
	  "read 2026-11") \
	X("aws-alb", "after=60s mode=fin keepalive_counts=no", \
	  "AWS Application Load Balancer: closes what carried no data", \
	  "docs.aws.amazon.com/elasticloadbalancing/latest/application/" \
	  "edit-load-balancer-attributes.html; " \
	  "read 2026-11") \
	X("aws-global-accelerator", "after=340s mode=drop keepalive_counts=no", \
	  "AWS Global Accelerator, which ends TCP itself; the mode is assumed: no " \
	  "source tells it", \
	  "secondary, not confirmed by AWS: everlive.net knowledge base, which " \
	  "says 90 s elsewhere; read 2026-11") \
	X("azure-lb", "after=240s mode=drop keepalive_counts=yes", \
	  "Azure Load Balancer by default: 240 s, then silence", \
	  "learn.microsoft.com/azure/load-balancer/load-balancer-tcp-reset; " \
	  "mongodb/node-mongodb-native#2403; read 2026-11") \
	X("azure-lb-reset", "after=240s mode=rst_both keepalive_counts=yes", \
	  "Azure Load Balancer with TCP reset switched on: RST to both ends " \
	  "after 240 s", \
	  "learn.microsoft.com/azure/load-balancer/load-balancer-tcp-reset; read " \
	  "2026-11") \
	X("azure-eventhub", "after=600s mode=drop keepalive_counts=no", \
	  "Azure Event Hubs to an idle Kafka client, where it ends without a " \
	  "word; at times it closes", \
	  "confluentinc/librdkafka#2845; read 2026-11") \
	X("gcp-vpc", "after=600s mode=drop keepalive_counts=yes", \
	  "Google Cloud VPC: inbound is dropped until the inside sends again; " \
	  "here both ways are", \
	  "cloud.google.com/compute/docs/troubleshooting, of 2025-08; read " \
	  "2026-11") \
	X("gcp-cloud-nat", "after=1200s mode=drop keepalive_counts=yes", \
	  "Google Cloud NAT: the mapping of an established connection goes after " \
	  "1200 s", \
	  "secondary: oneuptime.com, How to Configure Cloud NAT Timeout Values, " \
	  "2026-02") \
	X("ipvs", "after=900s mode=drop keepalive_counts=yes", \
	  "Linux IPVS: 900 s, then silence to a remote peer (RST to one on the " \
	  "same host)", \
	  "moby/moby#31208, #37466; read 2026-11") \
	X("docker-swarm", "after=900s mode=drop keepalive_counts=yes", \
	  "Docker Swarm's service addresses, which are IPVS", \
	  "moby/moby#31208, #29655; read 2026-11") \
	X("kube-proxy-ipvs", "after=900s mode=drop keepalive_counts=yes", \
	  "Kubernetes services with kube-proxy in IPVS mode, with its default of " \
	  "900 s", \
	  "as ipvs: moby/moby#31208; read 2026-11") \
	X("linux-conntrack", "after=432000s mode=drop keepalive_counts=yes", \
	  "a Linux NAT: nf_conntrack_tcp_timeout_established; a mere firewall picks " \
	  "the connection up again, unless nf_conntrack_tcp_loose is 0", \
	  "Linux, Documentation/networking/nf_conntrack-sysctl.rst; read 2026-11") \
	X("rfc5382-nat", "after=7440s mode=drop keepalive_counts=yes", \
	  "the least that a NAT that follows the RFC keeps an idle connection", \
	  "RFC 5382, REQ-5, 2008-10") \
	X("corporate-firewall", "after=1800s mode=drop keepalive_counts=yes", \
	  "a company's firewall, as one is often met", \
	  "npgsql/npgsql#1596; read 2026-11") \
	X("corporate-firewall-1h", "after=3600s mode=drop keepalive_counts=yes", \
	  "a company's firewall with an hour", \
	  "docs.datastax.com, on firewalls and idle connections; read 2026-11") \
	X("cloudflare", "after=900s mode=fin keepalive_counts=no", \
	  "Cloudflare to its origin server: idle for 900 s", \
	  "developers.cloudflare.com/fundamentals/reference/connection-limits; " \
	  "read 2026-11") \
	X("cloudflare-client", "after=400s mode=fin keepalive_counts=no", \
	  "Cloudflare to the client: idle for 400 s", \
	  "developers.cloudflare.com/fundamentals/reference/connection-limits; " \
	  "read 2026-11") \
	X("nginx", "after=75s mode=fin keepalive_counts=no", \
	  "nginx by default: keepalive_timeout, between requests", \
	  "growthbook/growthbook-proxy#135; read 2026-11") \
	X("node", "after=5s mode=fin keepalive_counts=no", \
	  "Node.js 20's HTTP server by default: keepAliveTimeout, between " \
	  "requests", \
	  "nodejs.org, version 20, http: server.keepAliveTimeout; read 2026-11") \
	X("bun", "after=10s mode=fin keepalive_counts=no", \
	  "Bun's HTTP server by default: idleTimeout", \
	  "ericc-ch/copilot-api#153; read 2026-11") \
	X("kafka-broker", "after=600s mode=fin keepalive_counts=no", \
	  "a Kafka broker by default, since 0.9: connections.max.idle.ms", \
	  "spicavigo/kafka-rust#102; read 2026-11")

/* clang-format on */

#define ROW(name, settings, about, source)  { name, settings, about, source },
#define NAME(name, settings, about, source) name,

const struct preset idle_presets[] = { PRESETS(ROW){ NULL } };
const char *const idle_preset_names[] = { "none", PRESETS(NAME) NULL };
