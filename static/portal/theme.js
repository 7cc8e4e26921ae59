// Light, dark or as the system says: a class on <html>, kept in a cookie, set before the first paint.
(() => {
  const COOKIE = "portal-theme";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const choice = () => document.cookie.match(/(?:^|; )portal-theme=(light|dark)/)?.[1] ?? "auto";

  function show() {
    const isDark = choice() === "dark" || (choice() === "auto" && dark.matches);
    document.documentElement.classList.toggle("dark", isDark);
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice()));
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const group of document.querySelectorAll("[data-themes]")) group.hidden = false;
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.addEventListener("click", () => {
        const age = button.dataset.themeChoice === "auto" ? 0 : 31536000;
        document.cookie = `${COOKIE}=${button.dataset.themeChoice}; path=/; max-age=${age}; samesite=lax`;
        show();
      });
    }
    show();
  });
  dark.addEventListener("change", show);
  show();
})();
