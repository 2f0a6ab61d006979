import { useMutation, useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { queries } from '../api/queries.ts';
import type { Grant } from '../api/types.ts';
import { useWords } from '../shell/language.tsx';
import { Field } from '../shell/parts/controls.tsx';
import { FormDialog } from '../shell/parts/form-dialog.tsx';
import { GrantFields } from './grants.tsx';
import { words } from './words.ts';

/** The dialog that makes somebody or something with a name and one role: people and tokens alike. */
export function CreateNamed<T>({
  title,
  everywhere,
  children,
  create,
  onDone,
  onClose,
}: {
  title: string;
  /** Whether the role is offered for all projects at first, or for the first project. */
  everywhere: boolean;
  /** More fields, below name and role. */
  children?: ReactNode;
  create: (name: string, grant: Grant) => Promise<T>;
  onDone: (created: T, name: string) => void;
  onClose: () => void;
}) {
  const t = useWords(words);
  const projects = (useQuery(queries.projects()).data ?? []).map((project) => project.name);
  const [name, setName] = useState('');
  const [grant, setGrant] = useState<Grant>({
    role: 'developer',
    project: everywhere ? '*' : (projects[0] ?? '*'),
  });
  const making = useMutation({ mutationFn: () => create(name, grant), onSuccess: (created) => onDone(created, name) });
  return (
    <FormDialog title={title} sending={making} onClose={onClose}>
      <Field
        label={t('name')}
        hint={t('nameHint')}
        required
        pattern="[a-z0-9][a-z0-9\-]*"
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <GrantFields grant={grant} projects={projects} onChange={setGrant} />
      {children}
    </FormDialog>
  );
}
