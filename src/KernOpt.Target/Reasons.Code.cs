namespace KernOpt.Target;

public static partial class Reasons
{
    public static readonly Reason EmptyFunction = new(2001, nameof(EmptyFunction),
        "The function's range is empty, or larger than 4 MiB: its boundaries are not believable. A debug file with symbols may give better ones.");

    public static readonly Reason UnreadableCode = new(2002, nameof(UnreadableCode),
        "The function's bytes could not all be read from the target. The module may have been unloaded; look again.");

    public static readonly Reason SplitOffPart = new(2003, nameof(SplitOffPart),
        "This is a split-off part (\".cold\") of another function and not a function that can be called. Name the function that it belongs to.");

    public static readonly Reason UndecodableCode = new(2101, nameof(UndecodableCode),
        "Reached code holds bytes that are no valid instruction. The function ends earlier than its symbol says, or a call before them does not return.");

    public static readonly Reason OverlappingInstructions = new(2102, nameof(OverlappingInstructions),
        "A branch leads into the middle of another instruction of the same function. Such code is left alone.");

    public static readonly Reason UnresolvedIndirectJump = new(2103, nameof(UnresolvedIndirectJump),
        "An indirect jump is neither a jump table of a known shape nor provably a tail call. Such code is left alone.");

    public static readonly Reason UnprovedTableBound = new(2104, nameof(UnprovedTableBound),
        "A jump table was found, but no comparison or mask on every path to it proves how many entries it has, nor does what lies in it and behind it. Sizes are never guessed.");

    public static readonly Reason WritableJumpTable = new(2105, nameof(WritableJumpTable),
        "A jump table lies in memory that the program or its loader may write, so that its entries are no facts.");

    public static readonly Reason JumpTableTargetOutside = new(2106, nameof(JumpTableTargetOutside),
        "An entry of a jump table leads out of the function. Either the boundaries or the table are not what they seem.");

    public static readonly Reason FallsOffEnd = new(2107, nameof(FallsOffEnd),
        "Control runs past the end of the function's range, and what lies there is no code. A call at its end may not return, which could not be proved, or the boundaries are wrong.");

    public static readonly Reason BranchToNonCode = new(2108, nameof(BranchToNonCode),
        "A direct branch leads to memory that is not executable. The bytes are probably data.");

    public static readonly Reason CallIntoItself = new(2109, nameof(CallIntoItself),
        "A call leads to the inside of its own function (to read its own address, or a local routine). Such code is left alone.");

    public static readonly Reason UnsupportedControlTransfer = new(2110, nameof(UnsupportedControlTransfer),
        "The function holds a far branch, an interrupt return or a transaction start, which moved code cannot keep. Such code is left alone.");

    public static readonly Reason UnstableJumpTable = new(2111, nameof(UnstableJumpTable),
        "What was proved of a jump table no longer held when the code that it leads to was known. Such code is left alone.");

    public static readonly Reason LabelAddressTaken = new(2112, nameof(LabelAddressTaken),
        "The function takes the address of one of its own labels and jumps indirectly, so that the jump may lead to the label. Such code is left alone.");
}
