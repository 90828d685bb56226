/** Light, dark, or as the system says. `public/theme.js` applies the choice before the first paint. */

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'laudstream.theme';
const ORDER: Theme[] = ['system', 'light', 'dark'];

class Choice {
  value = $state<Theme>(stored());

  next(): void {
    this.value = ORDER[(ORDER.indexOf(this.value) + 1) % ORDER.length] ?? 'system';
    if (this.value === 'system') {
      localStorage.removeItem(KEY);
      delete document.documentElement.dataset.theme;
    } else {
      localStorage.setItem(KEY, this.value);
      document.documentElement.dataset.theme = this.value;
    }
  }
}

function stored(): Theme {
  const value = document.documentElement.dataset.theme;
  return value === 'light' || value === 'dark' ? value : 'system';
}

export const theme = new Choice();
