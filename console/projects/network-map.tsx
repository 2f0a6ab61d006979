import type { NetworkFlow } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { layoutNetwork, type MapNode } from './network-layout.ts';
import { networkWords } from './network-words.ts';

const BOX = { width: 150, height: 30 };
const GAP = { column: 110, row: 18 };
const EDGE = 12;

function placeOf({ column, row }: MapNode) {
  return { x: EDGE + column * (BOX.width + GAP.column), y: EDGE + row * (BOX.height + GAP.row) };
}

/** A drawing of what the table beside it says, made smaller where the window is. */
export function NetworkMap({ flows }: { flows: readonly NetworkFlow[] }) {
  const t = useWords(networkWords);
  const { nodes, edges, columns, rows } = layoutNetwork(flows, t('outside'));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const width = EDGE * 2 + columns * BOX.width + (columns - 1) * GAP.column;
  const height = EDGE * 2 + rows * BOX.height + (rows - 1) * GAP.row + 20;
  return (
    <div className="network-map">
      <p className="hidden-text">{t('mapLabel', { count: nodes.length, ways: edges.length })}</p>
      <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
        <defs>
          {(['allowed', 'unanswered', 'refused'] as const).map((kind) => (
            <marker
              key={kind}
              id={`arrow-${kind}`}
              viewBox="0 0 8 8"
              refX="8"
              refY="4"
              markerWidth="7"
              markerHeight="7"
              orient="auto"
            >
              <path d="M0 0 8 4 0 8z" className={`arrow ${kind}`} />
            </marker>
          ))}
        </defs>
        {edges.map(({ from, to, outcome: kind, ports, connections }) => {
          const [start, end] = [byId.get(from), byId.get(to)];
          if (start === undefined || end === undefined) return null;
          const a = placeOf(start);
          const b = placeOf(end);
          const forward = end.column > start.column;
          const x1 = forward ? a.x + BOX.width : a.x + BOX.width / 2;
          const y1 = forward ? a.y + BOX.height / 2 : a.y + BOX.height;
          const x2 = forward ? b.x : b.x + BOX.width / 2;
          const y2 = forward ? b.y + BOX.height / 2 : b.y + BOX.height;
          const bend = forward ? (x2 - x1) / 2 : 0;
          const drop = forward ? 0 : 22;
          const path = `M${x1} ${y1}C${x1 + bend} ${y1 + drop} ${x2 - bend} ${y2 + drop} ${x2} ${y2}`;
          return (
            <path key={`${from} ${to} ${kind}`} d={path} className={`way ${kind}`} markerEnd={`url(#arrow-${kind})`}>
              <title>{`${start.label} → ${end.label}: ${ports.join(', ')} · ${t(kind)} · ${connections}`}</title>
            </path>
          );
        })}
        {nodes.map((node) => {
          const { x, y } = placeOf(node);
          return (
            <g key={node.id} className={`end ${node.kind}`}>
              <rect x={x} y={y} width={BOX.width} height={BOX.height} rx="6" />
              <text x={x + BOX.width / 2} y={y + BOX.height / 2} dominantBaseline="central" textAnchor="middle">
                {node.label.length > 20 ? `${node.label.slice(0, 19)}…` : node.label}
              </text>
              <title>{node.label}</title>
            </g>
          );
        })}
      </svg>
    </div>
  );
}
