// Streamlit reads the theme when a page opens, from a key for each path, and offers Python no way to set it:
// so the choice is written for every page, and this page opens again.
const THEMES = { System: "As the system", Light: "Light", Dark: "Dark" };
const keyOf = (path) => `stActiveTheme-${path}-v2`;

export default function ({ data, parentElement }) {
  const folder = location.pathname.replace(/[^/]*$/, "");
  const chosen = JSON.parse(localStorage.getItem(keyOf(location.pathname))) ?? "System";
  const choose = (theme) => {
    for (const page of data.pages) localStorage.setItem(keyOf(folder + page), JSON.stringify(theme));
    location.reload();
  };
  parentElement.querySelector('[data-part="choices"]').replaceChildren(
    ...Object.entries(THEMES).map(([theme, label]) => {
      const choice = make("button", "", label);
      choice.setAttribute("aria-pressed", String(theme === chosen));
      choice.onclick = () => choose(theme);
      return choice;
    }),
  );
}
