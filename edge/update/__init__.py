"""The box's software, renewed: offered over MQTT, downloaded, installed beside the running one, kept only if it works.

Nothing here has rights: what needs them is asked of the unit earshot-update by a file (`edge.update.helper`).
"""
