/* Questions to name servers: datagrams to port 53, whichever call sends them, seen where they leave the network namespace of
 * their socket. Hung in only while somebody asks for them. */
#include "common.h"

#define DNS_PORT 53
#define PROTOCOL_UDP 17
#define UDP_HEADER_BYTES 8
#define QUESTION_BYTES 512 /* a name has 255 bytes at most, before it twelve of the header, after it four */
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct net_device {
  possible_net_t nd_net;
};
struct sk_buff {
  struct net_device *dev;
  struct sock *sk;
  unsigned int len;
  __u16 protocol;
  __u16 transport_header;
  __u16 network_header;
  unsigned char *head;
  unsigned char *data;
};
#pragma clang attribute pop

struct udp_header {
  __u8 source[2];
  __u8 target[2];
  __u8 length[2];
  __u8 sum[2];
};

SEC("tp_btf/net_dev_queue")
int on_question(__u64 *ctx) {
  struct sk_buff *packet = (struct sk_buff *)ctx[0];
  struct sock *sk = BPF_CORE_READ(packet, sk);
  if (!sk || BPF_CORE_READ(sk, sk_protocol) != PROTOCOL_UDP) return 0;
  const unsigned char *head = BPF_CORE_READ(packet, head);
  const unsigned char *transport = head + BPF_CORE_READ(packet, transport_header);
  struct udp_header udp = {};
  if (bpf_probe_read_kernel(&udp, sizeof(udp), transport) != 0) return 0;
  if (((__u16)udp.target[0] << 8 | udp.target[1]) != DNS_PORT) return 0;
  /* Between namespaces it keeps its socket: it is told where it begins. */
  if (BPF_CORE_READ(packet, dev, nd_net.net) != BPF_CORE_READ(sk, __sk_common.skc_net.net)) return 0;
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  __u64 cgroup = 0;
  __u16 flags = 0;
  if (!is_wanted(task, &cgroup, &flags)) return 0;
  struct scratch *s = take_scratch(SCRATCH_CONNECT, sizeof(struct connect_record));
  if (!s) return 0;
  struct connect_record *r = (struct connect_record *)s->data;
  __builtin_memset(r, 0, sizeof(*r));
  fill_header(&r->head, task, RECORD_DNS, cgroup, flags);
  r->descriptor = -1;
  r->socket_type = BPF_CORE_READ(sk, sk_type);
  r->protocol = PROTOCOL_UDP;
  r->remote_port = DNS_PORT;
  r->local_port = (__u16)udp.source[0] << 8 | udp.source[1];
  const unsigned char *network = head + BPF_CORE_READ(packet, network_header);
  __u16 protocol = BPF_CORE_READ(packet, protocol);
  if (protocol == __builtin_bswap16(ETHERTYPE_IPV4)) {
    r->family = AF_INET;
    bpf_probe_read_kernel(r->local, 4, network + 12);
    bpf_probe_read_kernel(r->remote, 4, network + 16);
  } else if (protocol == __builtin_bswap16(ETHERTYPE_IPV6)) {
    r->family = AF_INET6;
    bpf_probe_read_kernel(r->local, 16, network + 8);
    bpf_probe_read_kernel(r->remote, 16, network + 24);
  } else {
    return 0;
  }
  __u64 length = (__u16)udp.length[0] << 8 | udp.length[1];
  length = length > UDP_HEADER_BYTES ? length - UDP_HEADER_BYTES : 0;
  if (length > QUESTION_BYTES - 1) length = QUESTION_BYTES - 1;
  length &= QUESTION_BYTES - 1;
  if (bpf_probe_read_kernel(s->data + sizeof(struct connect_record), length, transport + UDP_HEADER_BYTES) != 0) length = 0;
  r->path_length = length;
  s->used = sizeof(struct connect_record) + length;
  return send(s, RING_SELDOM);
}
