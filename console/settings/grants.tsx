import type { Grant, Role } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { Select } from '../shell/parts/controls.tsx';
import { words } from './words.ts';

export const ROLES: readonly Role[] = ['admin', 'developer', 'analyst', 'approver', 'auditor'];

export function GrantChips({ grants }: { grants: readonly Grant[] }) {
  const t = useWords(words);
  return (
    <span className="chips">
      {grants.map((grant) => (
        <span className="chip" key={`${grant.role}-${grant.project}`}>
          {ROLES.includes(grant.role) ? t(grant.role) : grant.role} ·{' '}
          {grant.project === '*' ? t('everywhere') : grant.project}
        </span>
      ))}
    </span>
  );
}

export function GrantFields({
  grant,
  projects,
  onChange,
}: {
  grant: Grant;
  projects: readonly string[];
  onChange: (grant: Grant) => void;
}) {
  const t = useWords(words);
  return (
    <div className="two-fields">
      <Select
        label={t('role')}
        value={grant.role}
        onPick={(role) => onChange({ ...grant, role: ROLES.find((known) => known === role) ?? 'developer' })}
        options={ROLES.map((role) => [role, t(role)])}
      />
      <Select
        label={t('project')}
        value={grant.project}
        onPick={(project) => onChange({ ...grant, project })}
        options={[['*', t('everywhere')], ...projects.map((name) => [name, name] as const)]}
      />
    </div>
  );
}
