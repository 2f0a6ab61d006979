import { isIP } from 'node:net';
import {
  isAddressBlock,
  isWithin,
  type LabelSelector,
  type NetworkPolicy,
  type PolicyPeer,
  type PolicyPort,
  type TrafficRule,
} from '../../network/index.ts';
import type { Text } from '../../system/index.ts';
import type { FieldPath, ProblemKind } from './documents.ts';
import type { RawNetworkPolicy, RawPeer, RawPolicyPort, RawSelector } from './raw.ts';

/** Names that may be reached: `NetworkPolicy` itself knows addresses only, and addresses of services elsewhere change. */
export const EGRESS_NAMES = 'darsena/egress-names';

export interface PolicyProblem {
  readonly path: FieldPath;
  readonly kind: ProblemKind;
  readonly text: Text;
}

/** One NetworkPolicy in the words of the network, with what is wrong in it that its shape does not say. */
export function readNetworkPolicy(
  raw: RawNetworkPolicy,
  project: string,
  environment: string,
): { policy: NetworkPolicy; problems: readonly PolicyProblem[] } {
  const reader = new Reader();
  const { spec, metadata } = raw;
  // NetworkPolicySpec.policyTypes: without them Ingress, and Egress when there is any rule for it; an empty list has none.
  const egressRules = spec.egress ?? [];
  const written = spec.policyTypes ?? [];
  const types = written.length > 0 ? written : egressRules.length === 0 ? ['Ingress'] : ['Ingress', 'Egress'];
  const names = reader.readNames(metadata.annotations?.[EGRESS_NAMES] ?? '');
  if (names.length > 0 && !types.includes('Egress')) {
    reader.report(['spec', 'policyTypes'], 'wrong-value', {
      en: `${EGRESS_NAMES} needs the type Egress: otherwise nothing is closed`,
      es: `${EGRESS_NAMES} necesita el tipo Egress: de otro modo no se cierra nada`,
    });
  }
  const ingress = (spec.ingress ?? []).map((rule, index) =>
    reader.readRule(['spec', 'ingress', index], 'from', rule.from ?? [], rule.ports ?? []),
  );
  const egress = egressRules.map((rule, index) =>
    reader.readRule(['spec', 'egress', index], 'to', rule.to ?? [], rule.ports ?? []),
  );
  return {
    policy: {
      project,
      environment,
      name: metadata.name,
      selector: reader.readSelector(['spec', 'podSelector'], spec.podSelector),
      ingress: types.includes('Ingress') ? ingress : null,
      egress: types.includes('Egress') ? [...egress, ...names] : null,
    },
    problems: reader.problems,
  };
}

/** A selector of labels in the words of the network, with what is wrong in it that its shape does not say. */
export function readSelector(
  path: FieldPath,
  raw: RawSelector,
  report: (path: FieldPath, kind: ProblemKind, text: Text) => void,
): LabelSelector {
  const matchExpressions = (raw.matchExpressions ?? []).map(({ key, operator, values }, index) => {
    const needs = operator === 'In' || operator === 'NotIn';
    if (needs !== (values ?? []).length > 0) {
      report([...path, 'matchExpressions', index, 'values'], 'wrong-value', {
        en: needs ? `${operator} needs values` : `${operator} takes no values`,
        es: needs ? `${operator} necesita valores` : `${operator} no admite valores`,
      });
    }
    return { key, operator, values: values ?? [] };
  });
  return { matchLabels: raw.matchLabels ?? {}, matchExpressions };
}

class Reader {
  readonly problems: PolicyProblem[] = [];

  report(path: FieldPath, kind: ProblemKind, text: Text): void {
    this.problems.push({ path, kind, text });
  }

  readRule(
    path: FieldPath,
    side: 'from' | 'to',
    peers: readonly RawPeer[],
    ports: readonly RawPolicyPort[],
  ): TrafficRule {
    return {
      peers: peers.map((peer, index) => this.#readPeer([...path, side, index], peer)),
      ports: ports.map((port, index) => this.#readPort([...path, 'ports', index], port)),
    };
  }

  readSelector(path: FieldPath, raw: RawSelector): LabelSelector {
    return readSelector(path, raw, (...problem) => this.report(...problem));
  }

  /** `api.example.org:443, *.debian.org`: one rule a name. */
  readNames(text: string): TrafficRule[] {
    const path: FieldPath = ['metadata', 'annotations', EGRESS_NAMES];
    return text.split(/[\s,]+/).flatMap((word): TrafficRule[] => {
      if (word === '') return [];
      const { pattern, port } = NAME.exec(word.toLowerCase())?.groups ?? {};
      const number = port === undefined ? null : Number(port);
      // Nobody asks the resolver for an address, so one would open nothing.
      if (pattern === undefined || isIP(pattern) !== 0 || (number !== null && (number < 1 || number > 65_535))) {
        this.report(path, 'wrong-value', {
          en: `${word.slice(0, 80)} is no DNS name with an optional port, such as api.example.org:443 or *.debian.org; addresses go into egress, as ipBlock`,
          es: `${word.slice(0, 80)} no es un nombre DNS con puerto opcional, como api.example.org:443 o *.debian.org; las direcciones van en egress, como ipBlock`,
        });
        return [];
      }
      const ports: PolicyPort[] =
        number === null
          ? []
          : [
              { protocol: 'TCP', port: number, endPort: null },
              { protocol: 'UDP', port: number, endPort: null },
            ];
      return [{ peers: [{ kind: 'name', pattern }], ports }];
    });
  }

  #readPeer(path: FieldPath, { podSelector, namespaceSelector, ipBlock }: RawPeer): PolicyPeer {
    if (ipBlock !== null && ipBlock !== undefined) {
      const except = ipBlock.except ?? [];
      if (podSelector || namespaceSelector) {
        this.report(path, 'conflict', {
          en: 'a peer with ipBlock has no selector beside it',
          es: 'un extremo con ipBlock no lleva selector al lado',
        });
      }
      if (!isAddressBlock(ipBlock.cidr)) {
        this.report([...path, 'ipBlock', 'cidr'], 'wrong-value', {
          en: 'expected a block of addresses such as 10.0.0.0/8 or 2001:db8::/32',
          es: 'se esperaba un bloque de direcciones como 10.0.0.0/8 o 2001:db8::/32',
        });
      }
      except.forEach((one, index) => {
        if (isAddressBlock(one) && isWithin(ipBlock.cidr, one)) return;
        this.report([...path, 'ipBlock', 'except', index], 'wrong-value', {
          en: `expected a block of addresses within ${ipBlock.cidr}`,
          es: `se esperaba un bloque de direcciones dentro de ${ipBlock.cidr}`,
        });
      });
      return { kind: 'block', cidr: ipBlock.cidr, except };
    }
    if (!podSelector && !namespaceSelector) {
      this.report(path, 'missing-field', {
        en: 'a peer is a podSelector, a namespaceSelector, both, or an ipBlock',
        es: 'un extremo es un podSelector, un namespaceSelector, ambos, o un ipBlock',
      });
    }
    return {
      kind: 'pods',
      pods: podSelector ? this.readSelector([...path, 'podSelector'], podSelector) : null,
      namespaces: namespaceSelector ? this.readSelector([...path, 'namespaceSelector'], namespaceSelector) : null,
    };
  }

  #readPort(path: FieldPath, { port, endPort, protocol }: RawPolicyPort): PolicyPort {
    if (endPort !== null && endPort !== undefined && (typeof port !== 'number' || endPort < port)) {
      this.report([...path, 'endPort'], 'wrong-value', {
        en: 'endPort needs a port by number that is not above it',
        es: 'endPort necesita un puerto por número que no sea mayor',
      });
    }
    return { protocol: protocol ?? 'TCP', port: port ?? null, endPort: endPort ?? null };
  }
}

const NAME =
  /^(?<pattern>(?:\*\.)?(?=.{1,253}(?::|$))[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?)*)(?::(?<port>[0-9]{1,5}))?$/;
