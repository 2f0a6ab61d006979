import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import type { VolumeDetails } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { Field, Select } from '../shell/parts/controls.tsx';
import { storageQueries } from './storage-queries.ts';
import { Act, NoRepository, nameOf, pathOf } from './volume-acts.tsx';
import { volumeWords } from './volume-words.ts';

const KINDS = ['hourly', 'daily', 'weekly', 'own'] as const;
type Kind = (typeof KINDS)[number];
const KEPT = ['last', 'daily', 'weekly', 'monthly'] as const;
type Kept = Readonly<Record<(typeof KEPT)[number], string>>;
const KEEP_DEFAULT: Kept = { last: '3', daily: '7', weekly: '4', monthly: '6' };
const AT_DEFAULT = '02:30';

interface When {
  readonly kind: Kind;
  /** `HH:MM`, in UTC. */
  readonly at: string;
  readonly weekday: string;
  readonly text: string;
}

/** The plain choices that come to the same times; what is none of them stays as it was written. */
function whenOf(cron: string): When {
  const found = /^(\d{1,2}) (\*|\d{1,2}) \* \* (\*|[0-6])$/.exec(cron.trim());
  const [, minute = '', hour = '*', weekday = '*'] = found ?? [];
  const rest = { weekday: weekday === '*' ? '0' : weekday, text: cron };
  if (found === null || (hour === '*' && weekday !== '*')) return { ...rest, kind: 'own', at: AT_DEFAULT };
  const two = (text: string) => text.padStart(2, '0');
  if (hour === '*') return { ...rest, kind: 'hourly', at: `00:${two(minute)}` };
  return { ...rest, kind: weekday === '*' ? 'daily' : 'weekly', at: `${two(hour)}:${two(minute)}` };
}

function cronOf({ kind, at, weekday, text }: When): string {
  if (kind === 'own') return text.trim();
  const [hour = 0, minute = 0] = at.split(':').map(Number);
  if (kind === 'hourly') return `${minute} * * * *`;
  return `${minute} ${hour} * * ${kind === 'weekly' ? weekday : '*'}`;
}

/** When a volume is backed up by itself, where to, what is kept of it, and how often a restore is tried. */
export function ScheduleDialog({ details, onClose }: { details: VolumeDetails; onClose: () => void }) {
  const t = useWords(volumeWords);
  const { schedule } = details;
  const repositories = useQuery(storageQueries.repositories()).data ?? [];
  const [picked, setRepository] = useState(schedule?.repository ?? '');
  const repository = picked === '' ? repositories[0]?.name : picked;
  const [when, setWhen] = useState(whenOf(schedule?.cron ?? `30 2 * * *`));
  const [keep, setKeep] = useState<Kept>(
    schedule === null
      ? KEEP_DEFAULT
      : (Object.fromEntries(KEPT.map((name) => [name, String(schedule.keep[name])])) as Kept),
  );
  const [verifyDays, setVerifyDays] = useState(String(schedule?.verifyDays ?? 7));
  const weekdays = t('weekdays').split(' ');
  return (
    <Act
      title={t('scheduleOf', { volume: nameOf(details) })}
      act={t('save')}
      text={t('scheduleText')}
      disabled={repository === undefined}
      run={async () => {
        const kept = Object.fromEntries(KEPT.map((name) => [name, Number(keep[name])]));
        const body = { repository, cron: cronOf(when), keep: kept, verifyDays: Number(verifyDays) };
        await api.put(apiPath([...pathOf(details), 'schedule']), body);
        return {};
      }}
      onClose={onClose}
    >
      {repositories.length === 0 ? (
        <NoRepository />
      ) : (
        <Select
          label={t('repository')}
          value={repository ?? ''}
          options={repositories.map(({ name, location }) => [name, `${name} (${location})`] as const)}
          onPick={setRepository}
        />
      )}
      <Select
        label={t('howOften')}
        value={when.kind}
        options={KINDS.map((kind) => [kind, t(`often_${kind}`)] as const)}
        onPick={(kind) => setWhen({ ...when, kind: kind as Kind, text: cronOf(when) })}
      />
      {when.kind === 'own' ? (
        <Field
          label={t('cron')}
          hint={t('cronHint')}
          required
          autoComplete="off"
          spellCheck={false}
          value={when.text}
          onChange={(event) => setWhen({ ...when, text: event.target.value })}
        />
      ) : (
        <div className="two-fields">
          {when.kind === 'weekly' ? (
            <Select
              label={t('weekday')}
              value={when.weekday}
              options={weekdays.map((name, day) => [String(day), name] as const)}
              onPick={(weekday) => setWhen({ ...when, weekday })}
            />
          ) : null}
          <Field
            label={t(when.kind === 'hourly' ? 'minute' : 'time')}
            {...(when.kind === 'hourly'
              ? { type: 'number', min: 0, max: 59, value: String(Number(when.at.split(':')[1])) }
              : { type: 'time', value: when.at })}
            required
            onChange={(event) =>
              setWhen({
                ...when,
                at: when.kind === 'hourly' ? `00:${event.target.value.padStart(2, '0')}` : event.target.value,
              })
            }
          />
        </div>
      )}
      <fieldset className="plain-set">
        <legend>{t('kept')}</legend>
        <div className="four-fields">
          {KEPT.map((name) => (
            <Field
              key={name}
              label={t(`kept_${name}`)}
              type="number"
              min={name === 'last' ? 1 : 0}
              max={366}
              required
              value={keep[name]}
              onChange={(event) => setKeep({ ...keep, [name]: event.target.value })}
            />
          ))}
        </div>
      </fieldset>
      <Field
        label={t('verifyDays')}
        hint={t('verifyHint')}
        type="number"
        min={0}
        max={366}
        required
        value={verifyDays}
        onChange={(event) => setVerifyDays(event.target.value)}
      />
    </Act>
  );
}
