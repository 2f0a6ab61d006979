import type { IncidentDetail } from '../api/types.ts';
import { shortDigest, useFormats } from '../shell/format.ts';
import { useText } from '../shell/language.tsx';
import { type Tone, ToneGlyph } from '../shell/parts/badge.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { When } from '../shell/parts/surface.tsx';
import { insideAddress, Link } from '../shell/router.tsx';

type Entry = IncidentDetail['timeline'][number];

const TONES = { plain: 'absent', good: 'ok', warn: 'warn', bad: 'bad' } as const;

function toneOf({ tone, kind }: Entry): Tone {
  if (tone !== undefined) return TONES[tone];
  if (kind.startsWith('alert.')) return 'bad';
  if (kind.startsWith('incident.') || kind.startsWith('access.')) return 'warn';
  if (kind.startsWith('action.')) return 'pending';
  return 'ok';
}

/** A verdict for each workload of a release is one thing that happened, said once with how many. */
function joinRuns(entries: readonly Entry[]): readonly { readonly entry: Entry; readonly count: number }[] {
  const runs: { entry: Entry; count: number }[] = [];
  for (const entry of entries) {
    const last = runs.at(-1);
    const isSame =
      last !== undefined &&
      last.entry.kind === entry.kind &&
      last.entry.title.en === entry.title.en &&
      last.entry.actor === entry.actor;
    if (isSame) last.count += 1;
    else runs.push({ entry, count: 1 });
  }
  return runs;
}

/** What happened, oldest first, from the build of the image to the last answer. */
export function IncidentTimeline({ entries }: { entries: readonly Entry[] }) {
  const text = useText();
  const formats = useFormats();
  const ordered = joinRuns([...entries].sort((a, b) => a.at.localeCompare(b.at)));
  return (
    <ol className="timeline">
      {ordered.map(({ entry, count }) => {
        const to = insideAddress(entry.href);
        const tone = toneOf(entry);
        return (
          <li key={`${entry.at} ${entry.kind} ${entry.title.en}`} className={`tone-${tone}`}>
            <span className="timeline-mark">
              <ToneGlyph tone={tone} />
            </span>
            <div className="timeline-body">
              <span className="timeline-title">
                {to === null ? text(entry.title) : <Link to={to}>{text(entry.title)}</Link>}
                {count === 1 ? null : <span className="count"> ×{count}</span>}
              </span>
              <span className="timeline-meta">
                <span className="mono">{formats.clock(entry.at)}</span> <When at={entry.at} />
                {entry.actor === null ? null : (
                  <span>
                    <Actor actor={entry.actor} />
                  </span>
                )}
                {entry.digest === null ? null : <span className="mono">{shortDigest(entry.digest)}</span>}
              </span>
            </div>
          </li>
        );
      })}
    </ol>
  );
}
