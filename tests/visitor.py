"""Somebody at a real browser, before a Living archive. Nothing waits for a time: each step waits until the page shows
what it has to show; what does not come is told with all that stood there instead."""

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.look.camera import Camera, until


def press(driver, *keys: str) -> None:
    """Keys as a hand presses them: they go to whatever has the focus, also to something that just left the screen."""
    for key in keys:
        ActionChains(driver).send_keys(key).perform()


class Visitor:
    """`is_now` changes the person. What the browser complained about is in `camera.complaints`."""

    def __init__(self, camera: Camera, base: str, password: str) -> None:
        self.camera, self.driver, self.base, self.password = camera, camera.driver, base, password

    def is_now(self, username: str) -> None:
        self.driver.delete_all_cookies()
        self.camera.sign_in(self.base + "/sign-in/", username, self.password)

    def sign_out(self) -> None:
        self.click_on("details.person summary")
        self.click_on("details.person form button")
        self.until(lambda: self.all("input[name=password]"), "the sign-in page")

    def until(self, condition, what: str):
        """The first true answer."""
        try:
            answer = until(self.driver, lambda _: condition())
        except Exception as fault:
            text = self.driver.find_element(By.TAG_NAME, "body").text
            raise AssertionError(f"not seen: {what}, at {self.driver.current_url}\n{text}") from fault
        self.camera.listen(self.driver.current_url)
        return answer

    def sees(self, words: str, place: str = "main") -> None:
        self.until(lambda: self.has(place, words), words)

    def has(self, place: str, words: str) -> bool:
        return any(words in found.text for found in self.all(place))

    def all(self, selector: str) -> list:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str):
        """The first such part, as soon as there is one."""
        return self.until(lambda: self.all(selector), selector)[0]

    def click(self, words: str) -> None:
        """The link or button that says this, and is shown."""
        path = f"//*[self::a or self::button][contains(normalize-space(.), '{words}')]"
        self._click(By.XPATH, path, f"“{words}” to click")

    def click_on(self, selector: str) -> None:
        """The first such part that is shown."""
        self._click(By.CSS_SELECTOR, selector, f"{selector} to click")

    def _click(self, by: str, words: str, what: str) -> None:
        def clicked() -> bool:
            shown = next((e for e in self.driver.find_elements(by, words) if e.is_displayed()), None)
            if shown:
                shown.click()
            return bool(shown)

        self.until(clicked, what)

    def go(self, label: str) -> None:
        """By the menu."""
        self._click(By.XPATH, f"//*[@id='menu']//a[contains(., '{label}')]", label)
        self.sees(label, "h1")

    def todo(self, words: str) -> None:
        """From the 待办 list to where it is done."""
        self.camera.open(self.base + "/")
        self.click(words)

    def find(self, words: str) -> None:
        """By the search box of the top bar, with the keys, from wherever one is."""
        self.click_on("h1")
        press(self.driver, "/")
        ActionChains(self.driver).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).perform()
        press(self.driver, words, Keys.ENTER)

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            field = self.one(f"[name={name}]")
            if field.get_attribute("type") == "date":
                self.driver.execute_script("arguments[0].value = arguments[1]", field, value)
            elif field.tag_name == "select":
                option = next(o for o in field.find_elements(By.TAG_NAME, "option") if value in o.text)
                option.click()
            else:
                if field.get_attribute("type") != "file":
                    field.clear()
                field.send_keys(value)

    def sign(self, dialog: str) -> None:
        """The password in the open dialog, and its button."""
        self.until(lambda: self.one(f"#{dialog}").is_displayed(), dialog)
        self.one(f"#{dialog} [name=password]").send_keys(self.password)
        self.click_on(f"#{dialog} footer [type=submit]")
