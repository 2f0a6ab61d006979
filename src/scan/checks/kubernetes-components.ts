import { type Check, check } from './check.ts';
import type { ContainerView } from './pod.ts';
import { texts } from './values.ts';

/** A setting of the cluster's own programs, where they run as static pods (CIS Kubernetes Benchmark 1.12, sections 1 to 4). */
export interface ComponentCheck extends Check {
  readonly component: string;
  readonly find: (flags: ReadonlyMap<string, string>) => boolean;
}

type Flags = ReadonlyMap<string, string>;

const is =
  (name: string, ...values: string[]) =>
  (flags: Flags) =>
    !values.includes(flags.get(name) ?? '');
const isGiven = (name: string) => (flags: Flags) => (flags.get(name) ?? '') === '';
const lacks = (name: string, plugin: string) => (flags: Flags) => !(flags.get(name) ?? '').split(',').includes(plugin);
const has =
  (name: string, ...plugins: string[]) =>
  (flags: Flags) =>
    (flags.get(name) ?? '').split(',').some((one) => plugins.includes(one));
const atLeast = (name: string, least: number) => (flags: Flags) => !(Number(flags.get(name) ?? Number.NaN) >= least);

type Row = readonly [
  item: string,
  severity: Check['severity'],
  flag: string,
  want: readonly [string, string],
  (flags: Flags) => boolean,
];

const given: readonly [string, string] = ['is not given', 'no se indica'];
const should = (value: string): readonly [string, string] => [`is not ${value}`, `no es ${value}`];
const without = (value: string): readonly [string, string] => [`lacks ${value}`, `no incluye ${value}`];
const holds = (value: string): readonly [string, string] => [`holds ${value}`, `incluye ${value}`];

const ROWS: Readonly<Record<string, readonly Row[]>> = {
  'kube-apiserver': [
    ['1.2.1', 'high', 'anonymous-auth', should('false'), is('anonymous-auth', 'false')],
    ['1.2.2', 'high', 'token-auth-file', ['is used', 'se usa'], (flags) => flags.has('token-auth-file')],
    [
      '1.2.3',
      'medium',
      'enable-admission-plugins',
      without('DenyServiceExternalIPs'),
      lacks('enable-admission-plugins', 'DenyServiceExternalIPs'),
    ],
    ['1.2.4', 'high', 'kubelet-client-certificate', given, isGiven('kubelet-client-certificate')],
    ['1.2.4', 'high', 'kubelet-client-key', given, isGiven('kubelet-client-key')],
    ['1.2.5', 'high', 'kubelet-certificate-authority', given, isGiven('kubelet-certificate-authority')],
    ['1.2.6', 'critical', 'authorization-mode', holds('AlwaysAllow'), has('authorization-mode', 'AlwaysAllow')],
    ['1.2.7', 'high', 'authorization-mode', without('Node'), lacks('authorization-mode', 'Node')],
    ['1.2.8', 'high', 'authorization-mode', without('RBAC'), lacks('authorization-mode', 'RBAC')],
    [
      '1.2.9',
      'low',
      'enable-admission-plugins',
      without('EventRateLimit'),
      lacks('enable-admission-plugins', 'EventRateLimit'),
    ],
    [
      '1.2.10',
      'high',
      'enable-admission-plugins',
      holds('AlwaysAdmit'),
      has('enable-admission-plugins', 'AlwaysAdmit'),
    ],
    [
      '1.2.11',
      'low',
      'enable-admission-plugins',
      without('AlwaysPullImages'),
      lacks('enable-admission-plugins', 'AlwaysPullImages'),
    ],
    [
      '1.2.12',
      'medium',
      'disable-admission-plugins',
      holds('ServiceAccount'),
      has('disable-admission-plugins', 'ServiceAccount'),
    ],
    [
      '1.2.13',
      'medium',
      'disable-admission-plugins',
      holds('NamespaceLifecycle'),
      has('disable-admission-plugins', 'NamespaceLifecycle'),
    ],
    [
      '1.2.14',
      'medium',
      'enable-admission-plugins',
      without('NodeRestriction'),
      lacks('enable-admission-plugins', 'NodeRestriction'),
    ],
    ['1.2.15', 'low', 'profiling', should('false'), is('profiling', 'false')],
    ['1.2.16', 'medium', 'audit-log-path', given, isGiven('audit-log-path')],
    ['1.2.17', 'low', 'audit-log-maxage', should('≥ 30'), atLeast('audit-log-maxage', 30)],
    ['1.2.18', 'low', 'audit-log-maxbackup', should('≥ 10'), atLeast('audit-log-maxbackup', 10)],
    ['1.2.19', 'low', 'audit-log-maxsize', should('≥ 100'), atLeast('audit-log-maxsize', 100)],
    [
      '1.2.21',
      'medium',
      'service-account-lookup',
      should('true'),
      (flags) => flags.get('service-account-lookup') === 'false',
    ],
    ['1.2.22', 'high', 'service-account-key-file', given, isGiven('service-account-key-file')],
    ['1.2.23', 'high', 'etcd-certfile', given, isGiven('etcd-certfile')],
    ['1.2.23', 'high', 'etcd-keyfile', given, isGiven('etcd-keyfile')],
    ['1.2.24', 'high', 'tls-cert-file', given, isGiven('tls-cert-file')],
    ['1.2.24', 'high', 'tls-private-key-file', given, isGiven('tls-private-key-file')],
    ['1.2.25', 'high', 'client-ca-file', given, isGiven('client-ca-file')],
    ['1.2.26', 'high', 'etcd-cafile', given, isGiven('etcd-cafile')],
    ['1.2.27', 'medium', 'encryption-provider-config', given, isGiven('encryption-provider-config')],
    [
      '1.2.30',
      'medium',
      'service-account-extend-token-expiration',
      should('false'),
      is('service-account-extend-token-expiration', 'false'),
    ],
    ['3.2.1', 'medium', 'audit-policy-file', given, isGiven('audit-policy-file')],
    [
      '1.2',
      'critical',
      'insecure-port',
      should('0'),
      (flags) => flags.has('insecure-port') && flags.get('insecure-port') !== '0',
    ],
    ['1.2', 'critical', 'insecure-bind-address', ['is used', 'se usa'], (flags) => flags.has('insecure-bind-address')],
    ['1.2', 'high', 'basic-auth-file', ['is used', 'se usa'], (flags) => flags.has('basic-auth-file')],
    ['1.2', 'high', 'kubelet-https', should('true'), (flags) => flags.get('kubelet-https') === 'false'],
  ],
  'kube-controller-manager': [
    ['1.3.1', 'low', 'terminated-pod-gc-threshold', given, isGiven('terminated-pod-gc-threshold')],
    ['1.3.2', 'low', 'profiling', should('false'), is('profiling', 'false')],
    [
      '1.3.3',
      'medium',
      'use-service-account-credentials',
      should('true'),
      is('use-service-account-credentials', 'true'),
    ],
    ['1.3.4', 'high', 'service-account-private-key-file', given, isGiven('service-account-private-key-file')],
    ['1.3.5', 'high', 'root-ca-file', given, isGiven('root-ca-file')],
    [
      '1.3.6',
      'medium',
      'feature-gates',
      holds('RotateKubeletServerCertificate=false'),
      has('feature-gates', 'RotateKubeletServerCertificate=false'),
    ],
    ['1.3.7', 'medium', 'bind-address', should('127.0.0.1'), is('bind-address', '127.0.0.1', '::1')],
  ],
  'kube-scheduler': [
    ['1.4.1', 'low', 'profiling', should('false'), is('profiling', 'false')],
    ['1.4.2', 'medium', 'bind-address', should('127.0.0.1'), is('bind-address', '127.0.0.1', '::1')],
  ],
  etcd: [
    ['2.1', 'critical', 'cert-file', given, isGiven('cert-file')],
    ['2.1', 'critical', 'key-file', given, isGiven('key-file')],
    ['2.2', 'critical', 'client-cert-auth', should('true'), is('client-cert-auth', 'true')],
    ['2.3', 'high', 'auto-tls', should('false'), (flags) => flags.get('auto-tls') === 'true'],
    ['2.4', 'critical', 'peer-cert-file', given, isGiven('peer-cert-file')],
    ['2.4', 'critical', 'peer-key-file', given, isGiven('peer-key-file')],
    ['2.5', 'critical', 'peer-client-cert-auth', should('true'), is('peer-client-cert-auth', 'true')],
    ['2.6', 'high', 'peer-auto-tls', should('false'), (flags) => flags.get('peer-auto-tls') === 'true'],
    ['2.7', 'low', 'trusted-ca-file', given, isGiven('trusted-ca-file')],
  ],
  kubelet: [
    ['4.2.1', 'high', 'anonymous-auth', should('false'), is('anonymous-auth', 'false')],
    ['4.2.2', 'critical', 'authorization-mode', should('Webhook'), is('authorization-mode', 'Webhook')],
    ['4.2.3', 'high', 'client-ca-file', given, isGiven('client-ca-file')],
    ['4.2.4', 'medium', 'read-only-port', should('0'), is('read-only-port', '0')],
    ['4.2.6', 'low', 'protect-kernel-defaults', should('true'), is('protect-kernel-defaults', 'true')],
    [
      '4.2.7',
      'low',
      'make-iptables-util-chains',
      should('true'),
      (flags) => flags.get('make-iptables-util-chains') === 'false',
    ],
    [
      '4.2.11',
      'medium',
      'rotate-certificates',
      should('true'),
      (flags) => flags.get('rotate-certificates') === 'false',
    ],
  ],
};

export const COMPONENT_CHECKS: readonly ComponentCheck[] = Object.entries(ROWS).flatMap(([component, rows]) =>
  rows.map(([item, severity, flag, [en, es], find]) => ({
    ...check(
      `k8s-${component}-${flag}-${item.replaceAll('.', '-')}`,
      severity,
      `CIS Kubernetes ${item}`,
      [`the flag --${flag} of ${component} ${en}`, `la opción --${flag} de ${component} ${es}`],
      [`set --${flag} as the benchmark says`, `fijar --${flag} como indica la guía`],
    ),
    component,
    find,
  })),
);

/** The flags of one of the cluster's programs, when a container runs it: `--name=value`, a bare `--name` is `true`. */
export function componentOf({ value }: ContainerView): { component: string; flags: Flags } | null {
  const words = [...texts(value['command']), ...texts(value['args'])];
  const program = (words[0] ?? '').split('/').at(-1) ?? '';
  if (!Object.hasOwn(ROWS, program)) return null;
  const flags = words.flatMap((word): [string, string][] => {
    const [, name, text] = /^--([a-z0-9-]+)(?:=(.*))?$/s.exec(word) ?? [];
    return name === undefined ? [] : [[name, text ?? 'true']];
  });
  return { component: program, flags: new Map(flags) };
}
