import type { FLOW_SETS } from '../segmentation/rules.ts';

/** One way that was taken, or refused, by new connections of a pod since it was first seen; gone after a time of silence. */
export interface Flow {
  readonly direction: 'in' | 'out';
  readonly refused: boolean;
  /** Asked again because nothing came back. */
  readonly unanswered?: true;
  /** The other end. */
  readonly address: string;
  readonly protocol: string;
  readonly port: number;
  /** Each once, whatever was sent by it, and sent again. */
  readonly connections: number;
}

const MEANING: Readonly<Record<string, Pick<Flow, 'direction' | 'refused' | 'unanswered'>>> = {
  came: { direction: 'in', refused: false },
  went: { direction: 'out', refused: false },
  unanswered: { direction: 'out', refused: false, unanswered: true },
  refused_in: { direction: 'in', refused: true },
  refused_out: { direction: 'out', refused: true },
} satisfies Record<(typeof FLOW_SETS)[number], Pick<Flow, 'direction' | 'refused' | 'unanswered'>>;

interface Element {
  readonly elem?: {
    readonly val?: { readonly concat?: readonly unknown[] };
    readonly counter?: { readonly packets?: number };
  };
}

/** Reads `nft --json list table` (libnftables-json(5)): what else stands in it is left alone. */
export function readFlows(json: string): Flow[] {
  const { nftables = [] } = JSON.parse(json) as {
    nftables?: readonly { set?: { name?: string; elem?: readonly Element[] } }[];
  };
  return nftables.flatMap(({ set }) => {
    const name = set?.name?.replace(/_6$/, '');
    const meaning = name !== undefined && Object.hasOwn(MEANING, name) ? MEANING[name] : undefined;
    if (meaning === undefined) return [];
    return (set?.elem ?? []).flatMap(({ elem }): Flow[] => {
      const [address, protocol, port] = elem?.val?.concat ?? [];
      if (typeof address !== 'string' || typeof port !== 'number') return [];
      return [{ ...meaning, address, protocol: String(protocol), port, connections: elem?.counter?.packets ?? 0 }];
    });
  });
}
