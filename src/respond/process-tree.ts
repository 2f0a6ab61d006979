import type { Alert } from '../detect/index.ts';
import { PROCESS_NODES_MAX } from './limits.ts';

/** One process of the story, with those it started. */
export interface ProcessNode {
  readonly pid: number;
  /** 0 where the parent was not seen. */
  readonly ppid: number;
  readonly name: string;
  readonly exe: string;
  readonly cmdline: string;
  /** Null where only a descendant was seen. */
  readonly uid: number | null;
  readonly startedAt: string | null;
  /** Alerts about this very process. */
  readonly alerts: readonly string[];
  readonly children: readonly ProcessNode[];
}

interface Draft {
  pid: number;
  ppid: number;
  name: string;
  exe: string;
  cmdline: string;
  uid: number | null;
  startedAt: string | null;
  alerts: string[];
  children: Draft[];
}

/**
 * The processes that the alerts name and those above them, as trees. Alerts tell their ancestors from the parent
 * upwards; the same process in several alerts is one node. A pid that came again under another program is another one.
 */
export function buildProcessTree(alerts: readonly Alert[]): ProcessNode[] {
  const known = new Map<string, Draft>();
  const roots: Draft[] = [];
  for (const alert of alerts) {
    const { process } = alert;
    const chain = [process, ...alert.ancestors].reverse();
    let parent = null as Draft | null;
    for (const [depth, link] of chain.entries()) {
      const isActor = depth === chain.length - 1;
      const key = `${link.pid} ${link.exe === '' ? link.name : link.exe}`;
      let node = known.get(key);
      if (node === undefined) {
        if (known.size >= PROCESS_NODES_MAX) break;
        const { pid, name, exe, cmdline } = link;
        node = {
          pid,
          ppid: parent?.pid ?? 0,
          name,
          exe,
          cmdline,
          uid: null,
          startedAt: null,
          alerts: [],
          children: [],
        };
        known.set(key, node);
        if (parent === null) roots.push(node);
        else parent.children.push(node);
      } else if (parent !== null && roots.includes(node) && !isAbove(node, parent)) {
        // An earlier alert knew it without its parent.
        roots.splice(roots.indexOf(node), 1);
        parent.children.push(node);
        node.ppid = parent.pid;
      }
      if (isActor) {
        node.ppid = process.ppid;
        node.uid = process.uid;
        node.startedAt = process.startedAt;
        node.alerts.push(alert.id);
      }
      parent = node;
    }
  }
  return roots;
}

/** The topmost processes that alerts name: ending them ends everything below. Nothing above them is touched. */
export function offendingPids(tree: readonly ProcessNode[]): number[] {
  return tree.flatMap((node) => (node.alerts.length > 0 ? [node.pid] : offendingPids(node.children)));
}

/** Forged ancestors must not tie a knot. */
function isAbove(node: Draft, other: Draft): boolean {
  return node === other || node.children.some((child) => isAbove(child, other));
}
