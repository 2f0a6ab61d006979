import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The control program serves dist/ under a strict Content-Security-Policy, hence no inlined assets and no polyfill.
export default defineConfig({
  base: '/',
  plugins: [react()],
  build: {
    outDir: 'dist',
    target: ['chrome123', 'firefox128', 'safari17.5'],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    manifest: true,
  },
  server: { proxy: { '/api': 'http://127.0.0.1:7300' } },
});
