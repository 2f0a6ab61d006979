import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { api, apiPath } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { PatternSettings, RetentionRule, SettingsAnswer } from '../api/types.ts';
import { useFormats } from '../shell/format.ts';
import { type Translate, useWords } from '../shell/language.tsx';
import { Chip, StateBadge } from '../shell/parts/badge.tsx';
import { Button, Field, Select } from '../shell/parts/controls.tsx';
import { Actor } from '../shell/parts/fact-line.tsx';
import { Dialog, Facts, Failure, Loaded, Meter, Panel, When } from '../shell/parts/surface.tsx';
import { type Column, Table } from '../shell/parts/table.tsx';
import { hasRole, useMe } from '../shell/session.ts';
import { words as shellWords } from '../shell/words.ts';
import { registryWords } from './registry-words.ts';
import { RetentionPanel } from './retention.tsx';

type RegistryWords = Translate<keyof typeof registryWords.en>;

const EVERYTHING = '**';
/** From this share on a push may soon be refused. */
const QUOTA_WARN = 0.9;

/** A rule as a sentence: of which tags, and what is kept of them. */
function ruleText(t: RegistryWords, rule: RetentionRule): string {
  const kept = [
    rule.keepNewest === null ? '' : t('keepsNewest', { count: rule.keepNewest }),
    rule.keepPushedDays === null ? '' : t('keepsPushed', { count: rule.keepPushedDays }),
    rule.keepPulledDays === null ? '' : t('keepsPulled', { count: rule.keepPulledDays }),
  ].filter((text) => text !== '');
  const tags = rule.tags.length === 0 ? t('ruleUntagged') : t('ruleTags', { tags: rule.tags.join(', ') });
  return `${tags}: ${kept.join('; ')}`;
}

function Rules({ rules }: { rules: readonly RetentionRule[] }) {
  const t = useWords(registryWords);
  if (rules.length === 0) return <span className="quiet-text">{t('keepsAll')}</span>;
  return (
    <ul className="plain-list">
      {rules.map((rule) => {
        const text = ruleText(t, rule);
        return <li key={text}>{text}</li>;
      })}
    </ul>
  );
}

function Patterns({ patterns }: { patterns: readonly string[] }) {
  const t = useWords(registryWords);
  if (patterns.length === 0) return <span className="quiet-text">{t('noneImmutable')}</span>;
  return (
    <span className="chips">
      {patterns.map((pattern) => (
        <Chip key={pattern} mono>
          {pattern}
        </Chip>
      ))}
    </span>
  );
}

/** Fields of a rule while they are typed; an empty field keeps nothing by that reason. */
interface RuleDraft {
  readonly id: number;
  readonly tags: string;
  readonly newest: string;
  readonly pushed: string;
  readonly pulled: string;
}

function draftOf(rule: RetentionRule, id: number): RuleDraft {
  const text = (value: number | null) => (value === null ? '' : String(value));
  return {
    id,
    tags: rule.tags.join(' '),
    newest: text(rule.keepNewest),
    pushed: text(rule.keepPushedDays),
    pulled: text(rule.keepPulledDays),
  };
}

const listOf = (text: string): string[] => text.split(/[\s,]+/).filter((item) => item !== '');

function ruleOf({ tags, newest, pushed, pulled }: RuleDraft): RetentionRule {
  const number = (text: string) => (text.trim() === '' ? null : Number(text));
  return {
    tags: listOf(tags),
    keepNewest: number(newest),
    keepPushedDays: number(pushed),
    keepPulledDays: number(pulled),
  };
}

function RuleFields({
  rule,
  onChange,
  onRemove,
}: {
  rule: RuleDraft;
  onChange: (rule: RuleDraft) => void;
  onRemove: () => void;
}) {
  const t = useWords(registryWords);
  const field = (name: 'newest' | 'pushed' | 'pulled', label: string) => (
    <Field
      label={label}
      type="number"
      min={0}
      inputMode="numeric"
      value={rule[name]}
      onChange={(event) => onChange({ ...rule, [name]: event.target.value })}
    />
  );
  return (
    <fieldset className="rule">
      <legend className="hidden-text">{t('rule')}</legend>
      <Field
        label={t('ruleTagsField')}
        hint={t('ruleTagsHint')}
        autoComplete="off"
        spellCheck={false}
        value={rule.tags}
        onChange={(event) => onChange({ ...rule, tags: event.target.value })}
      />
      <div className="three-fields">
        {field('newest', t('newestField'))}
        {field('pushed', t('pushedField'))}
        {field('pulled', t('pulledField'))}
      </div>
      <Button look="quiet" className="small" onClick={onRemove}>
        {t('removeRule')}
      </Button>
    </fieldset>
  );
}

/** Changes what one pattern says: each setting is its own or comes from a wider pattern. */
function SettingsDialog({ answer, onClose }: { answer: SettingsAnswer; onClose: () => void }) {
  const t = useWords(registryWords);
  const shell = useWords(shellWords);
  const client = useQueryClient();
  const headingId = useId();
  const own = (answer.repository ?? '').slice(answer.project.length + 1);
  const [pattern, setPattern] = useState(own);
  const saved = answer.items.find((item) => item.pattern === pattern);
  const [anonymous, setAnonymous] = useState<boolean | null>(saved?.anonymousPull ?? null);
  const [immutable, setImmutable] = useState<string | null>(saved?.immutableTags?.join(' ') ?? null);
  const [rules, setRules] = useState<readonly RuleDraft[] | null>(saved?.retention?.map(draftOf) ?? null);
  const pick = (next: string) => {
    const at = answer.items.find((item) => item.pattern === next);
    setPattern(next);
    setAnonymous(at?.anonymousPull ?? null);
    setImmutable(at?.immutableTags?.join(' ') ?? null);
    setRules(at?.retention?.map(draftOf) ?? null);
  };
  const save = useMutation({
    mutationFn: () =>
      api.put(apiPath(['projects', answer.project, 'repository-settings'], { pattern }), {
        anonymousPull: anonymous,
        immutableTags: immutable === null ? null : listOf(immutable),
        retention: rules === null ? null : rules.map(ruleOf),
      }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['repository-settings'] });
      onClose();
    },
  });
  const nextId = Math.max(0, ...(rules ?? []).map((rule) => rule.id)) + 1;
  const others = answer.items.map((item) => item.pattern).filter((one) => one !== own && one !== EVERYTHING);
  return (
    <Dialog title={t('changeSettings')} onClose={onClose} wide>
      <form
        className="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <Select
          label={t('settingsOf')}
          value={pattern}
          onPick={pick}
          options={[
            [own, t('onlyThis', { name: `${answer.project}/${own}` })],
            [EVERYTHING, t('wholeProject', { name: answer.project })],
            ...others.map((one) => [one, `${answer.project}/${one}`] as const),
          ]}
        />
        <Select
          label={t('anonymousPull')}
          value={anonymous === null ? '' : anonymous ? 'on' : 'off'}
          onPick={(value) => setAnonymous(value === '' ? null : value === 'on')}
          options={[
            ['', t('inherit')],
            ['off', t('signInNeeded')],
            ['on', t('anybody')],
          ]}
        />
        <Select
          label={t('immutableTags')}
          value={immutable === null ? '' : 'own'}
          onPick={(value) => setImmutable(value === '' ? null : (immutable ?? 'v*'))}
          options={[
            ['', t('inherit')],
            ['own', t('ownPatterns')],
          ]}
        />
        {immutable === null ? null : (
          <Field
            label={t('immutablePatterns')}
            hint={t('immutableHint')}
            autoComplete="off"
            spellCheck={false}
            value={immutable}
            onChange={(event) => setImmutable(event.target.value)}
          />
        )}
        <Select
          label={t('retention')}
          value={rules === null ? '' : 'own'}
          onPick={(value) => setRules(value === '' ? null : (rules ?? []))}
          options={[
            ['', t('inherit')],
            ['own', t('ownRules')],
          ]}
        />
        {rules === null ? null : (
          <section className="rules" aria-labelledby={headingId}>
            <p id={headingId} className="note">
              {t('rulesNote')}
            </p>
            {rules.map((rule) => (
              <RuleFields
                key={rule.id}
                rule={rule}
                onChange={(next) => setRules(rules.map((one) => (one.id === rule.id ? next : one)))}
                onRemove={() => setRules(rules.filter((one) => one.id !== rule.id))}
              />
            ))}
            <Button
              icon="plus"
              onClick={() => setRules([...rules, { id: nextId, tags: '*', newest: '10', pushed: '', pulled: '' }])}
            >
              {t('addRule')}
            </Button>
          </section>
        )}
        {save.error === null ? null : <Failure error={save.error} />}
        <div className="dialog-actions">
          <Button onClick={onClose}>{shell('cancel')}</Button>
          <Button type="submit" look="primary" busy={save.isPending}>
            {t('saveSettings')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function PatternTable({ answer }: { answer: SettingsAnswer }) {
  const t = useWords(registryWords);
  const inherited = <span className="quiet-text">{t('inherited')}</span>;
  const columns: readonly Column<PatternSettings>[] = [
    {
      id: 'pattern',
      label: t('pattern'),
      cell: (item) => (
        <span className="mono">
          {answer.project}/{item.pattern}
        </span>
      ),
    },
    {
      id: 'anonymous',
      label: t('anonymousPull'),
      cell: (item) => (item.anonymousPull === null ? inherited : item.anonymousPull ? t('anybody') : t('signInNeeded')),
    },
    {
      id: 'immutable',
      label: t('immutableTags'),
      from: 'medium',
      cell: (item) => (item.immutableTags === null ? inherited : <Patterns patterns={item.immutableTags} />),
    },
    {
      id: 'retention',
      label: t('retention'),
      from: 'medium',
      cell: (item) => (item.retention === null ? inherited : <Rules rules={item.retention} />),
    },
    {
      id: 'by',
      label: t('changed'),
      from: 'wide',
      align: 'end',
      cell: (item) => (
        <>
          <Actor actor={item.updatedBy} />, <When at={item.updatedAt} />
        </>
      ),
    },
  ];
  return <Table label={t('patterns')} columns={columns} rows={answer.items} keyOf={(item) => item.pattern} />;
}

/** How much of the bound is taken; without a bound only how much there is. */
function Quota({ usage }: { usage: SettingsAnswer['usage'] }) {
  const t = useWords(registryWords);
  const formats = useFormats();
  const { usedBytes, quotaBytes } = usage;
  if (quotaBytes === null) {
    return (
      <span>
        {formats.bytes(usedBytes)} <span className="quiet-text">({t('noQuota')})</span>
      </span>
    );
  }
  return (
    <span className="quota">
      <span>{t('quotaUsed', { used: formats.bytes(usedBytes), quota: formats.bytes(quotaBytes) })}</span>
      <Meter done={usedBytes} total={quotaBytes} label={t('quota')} />
      {usedBytes >= quotaBytes * QUOTA_WARN ? <StateBadge tone="warn">{t('quotaNear')}</StateBadge> : null}
    </span>
  );
}

/** What holds for a repository, and which pattern of the project says so. */
export function RepositorySettingsPanel({ project, repository }: { project: string; repository: string }) {
  const t = useWords(registryWords);
  const me = useMe();
  const settings = useQuery(queries.repositorySettings(project, repository));
  const [changing, setChanging] = useState(false);
  return (
    <Loaded query={settings}>
      {(answer) => (
        <div className="stack">
          <Panel
            title={t('settings')}
            actions={
              hasRole(me, ['admin'], project) ? (
                <Button onClick={() => setChanging(true)}>{t('changeSettings')}</Button>
              ) : undefined
            }
          >
            {answer.effective === null ? null : (
              <Facts
                items={[
                  [t('anonymousPull'), answer.effective.anonymousPull ? t('anybody') : t('signInNeeded')],
                  [t('immutableTags'), <Patterns key="i" patterns={answer.effective.immutableTags} />],
                  [t('retention'), <Rules key="r" rules={answer.effective.retention} />],
                  [t('quota'), <Quota key="q" usage={answer.usage} />],
                ]}
              />
            )}
          </Panel>
          {answer.items.length === 0 ? null : (
            <Panel title={t('patterns')} count={answer.items.length} flush>
              <PatternTable answer={answer} />
            </Panel>
          )}
          <RetentionPanel project={project} />
          {changing ? <SettingsDialog answer={answer} onClose={() => setChanging(false)} /> : null}
        </div>
      )}
    </Loaded>
  );
}
