import { useQuery } from '@tanstack/react-query';
import { queries } from '../api/queries.ts';
import type { Comparison } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { Loaded } from '../shell/parts/surface.tsx';
import { compareWords } from './compare-words.ts';
import './compare.css';

type Document = Comparison['documents'][number];

const MARKS = { ' ': ' ', '-': '−', '+': '+', '@': '⋯' } as const;
const LOOKS = { ' ': '', '-': 'diff-out', '+': 'diff-in', '@': 'diff-left' } as const;

function Lines({ document }: { document: Document }) {
  const t = useWords(compareWords);
  // Lines repeat; what tells them apart is their place, and a comparison never changes its order.
  const lines = document.lines.map((line, place) => ({ ...line, place, look: LOOKS[line.op] }));
  return (
    <pre className="diff">
      {lines.map(({ op, text, place, look }) => (
        <span key={place} className={look}>
          <span aria-hidden="true">{MARKS[op]} </span>
          {op === '@' ? t('left', { count: Number(text) }) : text}
          {'\n'}
        </span>
      ))}
    </pre>
  );
}

/** The objects that differ, each with its lines; the first ones open. */
export function Documents({ comparison }: { comparison: Comparison }) {
  const t = useWords(compareWords);
  const { documents, same } = comparison;
  const hasSecret = documents.some(({ kind }) => kind === 'Secret');
  return (
    <div className="diff-documents">
      {documents.length === 0 ? <p className="quiet-text">{t('documentsSame')}</p> : null}
      {documents.map((document, index) => (
        <details key={`${document.kind} ${document.name}`} open={index < 3} className="diff-document">
          <summary>
            <strong>
              {document.kind} {document.name}
            </strong>{' '}
            <span className="quiet-text">{t(document.state)}</span>
          </summary>
          <Lines document={document} />
        </details>
      ))}
      {same > 0 && documents.length > 0 ? <p className="quiet-text">{t('alike', { count: same })}</p> : null}
      {hasSecret ? <p className="note">{t('secretText')}</p> : null}
    </div>
  );
}

/** What a release changed, compared with the one before it in its environment. */
export default function ReleaseDiff({ project, from, to }: { project: string; from: string; to: string }) {
  const comparison = useQuery(queries.comparison(project, from, to));
  return <Loaded query={comparison}>{(data) => <Documents comparison={data} />}</Loaded>;
}
