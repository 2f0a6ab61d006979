// Runs before the first paint so that a chosen theme or language never flashes the other one.
(() => {
  try {
    const root = document.documentElement;
    const theme = localStorage.getItem('darsena.theme');
    if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
    const language = localStorage.getItem('darsena.language') ?? navigator.language.slice(0, 2);
    root.lang = language === 'es' ? 'es' : 'en';
  } catch {
    // Storage may be forbidden by the browser: the system's theme and English are good defaults.
    document.documentElement.lang = 'en';
  }
})();
