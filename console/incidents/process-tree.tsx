import type { ProcessNode } from '../api/types.ts';
import { useFormats } from '../shell/format.ts';
import { harmless } from '../shell/harmless.ts';
import { useWords } from '../shell/language.tsx';
import { StateBadge } from '../shell/parts/badge.tsx';
import { words } from './words.ts';

export function countProcesses(nodes: readonly ProcessNode[]): number {
  return nodes.reduce((total, node) => total + 1 + countProcesses(node.children), 0);
}

function ProcessItem({ node }: { node: ProcessNode }) {
  const t = useWords(words);
  const formats = useFormats();
  return (
    <li>
      <div className={node.alert ? 'process alerted' : 'process'}>
        <span className="process-pid">{node.pid}</span>
        <code className="process-command" title={harmless(node.cmdline)}>
          {harmless(node.cmdline === '' ? node.name : node.cmdline)}
        </code>
        {node.alert ? <StateBadge tone="bad">{t('alerted')}</StateBadge> : null}
        <span className="process-meta">
          {node.user ?? (node.uid === null ? '' : `uid ${node.uid}`)}
          {node.startedAt === null ? null : <span className="mono"> {formats.clock(node.startedAt)}</span>}
        </span>
      </div>
      {node.children.length === 0 ? null : (
        <ul>
          {/* Steady order: the same processes always make the same picture. */}
          {[...node.children]
            .sort((a, b) => a.pid - b.pid)
            .map((child) => (
              <ProcessItem key={child.pid} node={child} />
            ))}
        </ul>
      )}
    </li>
  );
}

export function ProcessTree({ nodes }: { nodes: readonly ProcessNode[] }) {
  const t = useWords(words);
  if (nodes.length === 0) return <p className="quiet-text">{t('noProcesses')}</p>;
  return (
    <ul className="process-tree">
      {nodes.map((node) => (
        <ProcessItem key={node.pid} node={node} />
      ))}
    </ul>
  );
}
