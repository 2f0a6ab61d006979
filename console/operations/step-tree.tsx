import type { Step } from '../api/types.ts';
import { useFormats } from '../shell/format.ts';
import { useText, useWords } from '../shell/language.tsx';
import { type Tone, ToneGlyph } from '../shell/parts/badge.tsx';
import { stateWords } from '../shell/parts/state-words.ts';
import { Meter } from '../shell/parts/surface.tsx';
import { Elapsed } from './elapsed.tsx';
import { words } from './words.ts';

const TONES: Readonly<Record<Step['state'], Tone>> = {
  running: 'pending',
  done: 'ok',
  failed: 'bad',
  waiting: 'absent',
};

/** An estimate is only worth something once a twentieth is done. */
const ESTIMATE_FROM = 0.05;

function estimateMs(step: Step): number | null {
  if (step.state !== 'running' || step.startedAt === null || step.done === null || step.total === null) return null;
  const share = step.total === 0 ? 0 : step.done / step.total;
  if (share < ESTIMATE_FROM || share >= 1) return null;
  return ((Date.now() - Date.parse(step.startedAt)) / share) * (1 - share);
}

function StepProgress({ step }: { step: Step }) {
  const t = useWords(words);
  const text = useText();
  const formats = useFormats();
  if (step.done === null || step.total === null || step.state === 'waiting') return null;
  const count = step.unit === 'bytes' ? formats.bytes : formats.number;
  const left = estimateMs(step);
  return (
    <span className="step-progress">
      {step.state === 'running' ? <Meter done={step.done} total={step.total} label={text(step.title)} /> : null}
      <span>{t(step.unit ?? 'items', { done: count(step.done), total: count(step.total) })}</span>
      {left === null ? null : <span>{t('left', { time: formats.duration(left) })}</span>}
    </span>
  );
}

function StepItem({ step, childrenOf }: { step: Step; childrenOf: ReadonlyMap<string | null, readonly Step[]> }) {
  const text = useText();
  const state = useWords(stateWords);
  const inner = childrenOf.get(step.id) ?? [];
  const tone = TONES[step.state];
  return (
    <li className={`step tone-${tone}`}>
      <div className="step-row">
        <ToneGlyph tone={tone} />
        <span className="step-title">
          {text(step.title)}
          <span className="hidden-text">: {state(step.state)}</span>
        </span>
        {step.detail === null ? null : <span className="step-detail">{text(step.detail)}</span>}
        <StepProgress step={step} />
        <span className="step-time">
          <Elapsed from={step.startedAt} to={step.endedAt} />
        </span>
      </div>
      {step.notes.length === 0 ? null : (
        <ul className="step-notes">
          {step.notes.map((note) => (
            <li key={note.en}>{text(note)}</li>
          ))}
        </ul>
      )}
      {inner.length === 0 ? null : <StepList steps={inner} childrenOf={childrenOf} />}
    </li>
  );
}

function StepList({
  steps,
  childrenOf,
}: {
  steps: readonly Step[];
  childrenOf: ReadonlyMap<string | null, readonly Step[]>;
}) {
  return (
    <ol className="steps">
      {steps.map((step) => (
        <StepItem key={step.id} step={step} childrenOf={childrenOf} />
      ))}
    </ol>
  );
}

/** The steps of long work as a tree: state, figures, estimate and time of each, moving in place. */
export function StepTree({ steps }: { steps: readonly Step[] }) {
  const t = useWords(words);
  const childrenOf = Map.groupBy(steps, (step) => step.parent);
  const roots = childrenOf.get(null) ?? [];
  if (roots.length === 0) return <p className="no-rows">{t('noSteps')}</p>;
  return <StepList steps={roots} childrenOf={childrenOf} />;
}
