// Sorting and filtering of the gallery; the page is complete without it.
const list = document.querySelector(".gallery");
const order = document.getElementById("order");
const told = document.getElementById("told");
function update() {
  const wanted = [...document.querySelectorAll("fieldset input:checked")].map(x => x.value);
  const items = [...list.children];
  const value = item => Number(item.dataset[order.value]);
  items.sort((a, b) => order.value === "place" ? value(a) - value(b) : value(b) - value(a));
  items.forEach(item => {
    list.append(item);
    const active = item.dataset.active.split(" ");
    item.hidden = !wanted.every(au => active.includes(au));
  });
  told.textContent = items.filter(item => !item.hidden).length + " of " + items.length + " shown";
}
if (list) {
  document.querySelectorAll("fieldset input, #order").forEach(x => x.addEventListener("change", update));
  update();
}
