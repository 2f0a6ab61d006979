import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../api/client.ts';
import { useLanguage, useWords } from '../shell/language.tsx';
import { Button, Field, Select } from '../shell/parts/controls.tsx';
import { Facts, Failure, Panel } from '../shell/parts/surface.tsx';
import { useChooseLanguage, useMe } from '../shell/session.ts';
import { setTheme, type Theme, useTheme } from '../shell/theme.ts';
import { words as shellWords } from '../shell/words.ts';
import { GrantChips } from './grants.tsx';
import { words } from './words.ts';

function PasswordPanel() {
  const t = useWords(words);
  const me = useMe();
  const [current, setCurrent] = useState('');
  const [password, setPassword] = useState('');
  const change = useMutation({
    mutationFn: () => api.post('/me/password', { password, current }),
    onSuccess: () => {
      setCurrent('');
      setPassword('');
    },
  });
  return (
    <Panel title={t('password')}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        <input type="text" name="username" autoComplete="username" value={me?.name ?? ''} readOnly hidden />
        <Field
          label={t('current')}
          type="password"
          autoComplete="current-password"
          required
          value={current}
          onChange={(event) => setCurrent(event.target.value)}
        />
        <Field
          label={t('next')}
          type="password"
          autoComplete="new-password"
          required
          minLength={12}
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        {change.error === null ? null : <Failure error={change.error} />}
        <div className="toolbar">
          <Button type="submit" look="primary" busy={change.isPending}>
            {t('changePassword')}
          </Button>
          <span role="status">{change.isSuccess ? t('passwordChanged') : ''}</span>
        </div>
      </form>
    </Panel>
  );
}

export function AccountSection() {
  const t = useWords(words);
  const shell = useWords(shellWords);
  const me = useMe();
  const theme = useTheme();
  const { language } = useLanguage();
  const chooseLanguage = useChooseLanguage();
  return (
    <div className="columns">
      <div className="stack">
        <Panel title={t('appearance')}>
          <div className="form">
            <Select
              label={shell('theme')}
              value={theme}
              onPick={(value) => setTheme(value as Theme)}
              options={[
                ['system', shell('themeSystem')],
                ['light', shell('themeLight')],
                ['dark', shell('themeDark')],
              ]}
            />
            <Select
              label={shell('language')}
              value={language}
              onPick={(value) => void chooseLanguage(value === 'es' ? 'es' : 'en')}
              options={[
                ['es', 'Español'],
                ['en', 'English'],
              ]}
            />
          </div>
        </Panel>
        <Panel title={t('myRoles')}>
          <Facts
            items={[
              [t('name'), me?.name],
              [t('roles'), <GrantChips key="g" grants={me?.grants ?? []} />],
            ]}
          />
        </Panel>
      </div>
      <PasswordPanel />
    </div>
  );
}
