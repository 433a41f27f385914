"""What the elements that are not zero are: the value tools, by the numbers that the file gives them.

Adding a tool is one new file and one line in ``VALUE_TOOLS``.
"""

from mdlcodec.descriptions.tensors.values import codebook, fixed, raw, step

VALUE_TOOLS = {tool.NUMBER: tool for tool in (raw, codebook, step, fixed)}
