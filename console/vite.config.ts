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
    rolldownOptions: {
      output: {
        // The first load names every chunk that there is, and hashes do not compress: seven letters tell two builds apart.
        entryFileNames: 'assets/[name]-[hash:7].js',
        chunkFileNames: 'assets/[name]-[hash:7].js',
        assetFileNames: 'assets/[name]-[hash:7][extname]',
      },
    },
  },
  server: { proxy: { '/api': 'http://127.0.0.1:7300' } },
});
