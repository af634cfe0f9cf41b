"""Somebody at a real browser, before a Living archive. Nothing waits for a time: each step waits until the page shows
what it has to show; what does not come is told with all that stood there instead."""

from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.look.camera import Camera


class Visitor:
    """`is_now` changes the person. What the browser complained about is in `camera.complaints`."""

    def __init__(self, camera: Camera, base: str, password: str) -> None:
        self.camera, self.driver, self.base, self.password = camera, camera.driver, base, password

    def is_now(self, username: str) -> None:
        self.driver.delete_all_cookies()
        self.camera.sign_in(self.base + "/sign-in/", username, self.password)

    def sign_out(self) -> None:
        self.one("details.person summary").click()
        self.one("details.person form button").click()
        self.until(lambda: self.all("input[name=password]"), "the sign-in page")

    def until(self, condition, what: str):
        """The first true answer. What the browser cannot tell while a page gives way to the next is asked again."""
        waiting = WebDriverWait(self.driver, 60, 0.1, ignored_exceptions=[WebDriverException])
        try:
            answer = waiting.until(lambda _: condition())
        except Exception as fault:
            text = self.one("body").text
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
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def click(self, words: str) -> None:
        """The link or button that says this, and is shown."""
        path = f"//*[self::a or self::button][contains(normalize-space(.), '{words}')]"

        def shown():
            return next((e for e in self.driver.find_elements(By.XPATH, path) if e.is_displayed()), None)

        self.until(shown, f"“{words}” to click").click()

    def go(self, label: str) -> None:
        """By the menu."""
        self.one("#menu").find_element(By.PARTIAL_LINK_TEXT, label).click()
        self.sees(label, "h1")

    def todo(self, words: str) -> None:
        """From the 待办 list to where it is done."""
        self.camera.open(self.base + "/")
        self.click(words)

    def find(self, words: str) -> None:
        """By the search box of the top bar, with the keys, from wherever one is."""
        self.one("h1").click()
        self.driver.switch_to.active_element.send_keys("/")
        self.driver.switch_to.active_element.send_keys(Keys.CONTROL + "a")
        self.driver.switch_to.active_element.send_keys(words, Keys.ENTER)

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
        self.one(f"#{dialog} footer [type=submit]").click()
