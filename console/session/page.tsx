import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { ApiFailure, api } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import type { Me } from '../api/types.ts';
import { useLanguage, useWords } from '../shell/language.tsx';
import { Button, Field } from '../shell/parts/controls.tsx';
import { Mark } from '../shell/parts/icon.tsx';
import { Failure } from '../shell/parts/surface.tsx';
import { insideAddress, useNavigate, useSearchParam } from '../shell/router.tsx';
import { oppositeTheme, setTheme } from '../shell/theme.ts';
import { PasswordForm } from './password-form.tsx';
import './session.css';
import { words } from './words.ts';

/** Takes the one-time code out of the address at once, so that it is neither kept in the history nor sent anywhere else. */
function takeCode(): string | null {
  const code = new URLSearchParams(window.location.hash.slice(1)).get('code');
  if (window.location.hash !== '')
    window.history.replaceState(null, '', window.location.pathname + window.location.search);
  return code;
}

type Stage =
  | { readonly name: 'looking' }
  | { readonly name: 'exchanging' }
  | { readonly name: 'form'; readonly codeFailure?: unknown }
  | { readonly name: 'password'; readonly me: Me };

function SignInForm({ onDone }: { onDone: (me: Me) => void }) {
  const t = useWords(words);
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      onDone((await api.post<{ me: Me }>('/session', { name, password })).me);
    } catch (error) {
      setFailure(error);
      setPassword('');
      setBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)} className="session-form">
      <Field
        label={t('name')}
        autoComplete="username"
        autoFocus
        required
        value={name}
        onChange={(event) => setName(event.target.value)}
        spellCheck={false}
        autoCapitalize="none"
      />
      <Field
        label={t('password')}
        type="password"
        autoComplete="current-password"
        required
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      {failure === null ? null : <Failure error={failure} />}
      <Button type="submit" look="primary" busy={busy}>
        {t('signIn')}
      </Button>
      <p className="note">{t('codeHint')}</p>
    </form>
  );
}

export default function SessionPage() {
  const t = useWords(words);
  const client = useQueryClient();
  const navigate = useNavigate();
  const [next] = useSearchParam('next');
  const { language, setLanguage } = useLanguage();
  const [stage, setStage] = useState<Stage>({ name: 'looking' });
  const started = useRef(false);

  const enter = (me: Me) => {
    client.setQueryData(['me'], me);
    if (!me.hasPassword) setStage({ name: 'password', me });
    else navigate(insideAddress(next) ?? '/', { replace: true });
  };

  const start = async () => {
    const code = takeCode();
    try {
      if (code === null) {
        enter(await client.fetchQuery({ ...queries.me(), staleTime: 0 }));
        return;
      }
      setStage({ name: 'exchanging' });
      const answer = await api.post<{ me: Me; mustSetPassword: boolean }>('/session/exchange', { code });
      enter({ ...answer.me, hasPassword: answer.me.hasPassword && !answer.mustSetPassword });
    } catch (error) {
      const expected = code === null && error instanceof ApiFailure && error.status === 401;
      setStage(expected ? { name: 'form' } : { name: 'form', codeFailure: error });
    }
  };

  useEffect(() => {
    document.title = `${t('title')} · Dársena`;
    // A code works once: never send it twice.
    if (started.current) return;
    started.current = true;
    void start();
  });

  const heading = stage.name === 'password' ? t('setTitle') : t('title');
  return (
    <main className="session" id="page">
      <div className="session-card">
        <div className="session-brand">
          <Mark size={36} />
          <div>
            <span className="session-name">Dársena</span>
            <span className="session-promise">{t('promise')}</span>
          </div>
        </div>
        <h1>{heading}</h1>
        {stage.name === 'exchanging' ? <p role="status">{t('exchanging')}</p> : null}
        {stage.name === 'form' ? (
          <>
            {stage.codeFailure === undefined ? null : <Failure error={stage.codeFailure} />}
            <SignInForm onDone={enter} />
          </>
        ) : null}
        {stage.name === 'password' ? (
          <>
            <p className="session-text">{t('setText', { name: stage.me.name })}</p>
            <PasswordForm name={stage.me.name} onDone={() => enter({ ...stage.me, hasPassword: true })} />
          </>
        ) : null}
      </div>
      <footer className="session-foot">
        <button
          type="button"
          className="link"
          lang={language === 'en' ? 'es' : 'en'}
          onClick={() => setLanguage(language === 'en' ? 'es' : 'en')}
        >
          {language === 'en' ? 'Español' : 'English'}
        </button>
        <button type="button" className="link" onClick={() => setTheme(oppositeTheme())}>
          ◐ {language === 'en' ? 'Light or dark' : 'Claro u oscuro'}
        </button>
      </footer>
    </main>
  );
}
