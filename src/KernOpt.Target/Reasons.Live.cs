namespace KernOpt.Target;

/// <summary>5000–5099: regions and the undo log. 5100–5199: patch sites. 5200–5299: installing. 5300–5399: reverting. 5400–5499: points.</summary>
public static partial class Reasons
{
    public static readonly Reason RegionDamaged = new(5001, nameof(RegionDamaged), "A region's header or one of its records is not what KernOpt wrote. Nothing new is put there; what can be read can still be reverted.");
    public static readonly Reason RegionOfOtherFormat = new(5002, nameof(RegionOfOtherFormat), "The region was made by a KernOpt with another format. List and revert it with that build.");
    public static readonly Reason RegionFull = new(5003, nameof(RegionFull), "The region has no room for this. Revert what is not needed, or use fewer functions at once.");
    public static readonly Reason RegionInherited = new(5004, nameof(RegionInherited), "The redirection was inherited by fork from another process and its switch is shared with it. It can be reverted here, but not switched.");

    public static readonly Reason EntryRunsRepeatedly = new(5101, nameof(EntryRunsRepeatedly), "The function jumps back to its own first block, so no instruction of it runs exactly once per call.");
    public static readonly Reason EntryTooShort = new(5102, nameof(EntryTooShort), "No instruction of the entry block is long enough for a jump and can be moved.");
    public static readonly Reason NoStoreAtOnce = new(5103, nameof(NoStoreAtOnce), "The instructions that are long enough cross a cache line, or no padding in reach can hold a springboard.");
    public static readonly Reason CallNotPatchable = new(5104, nameof(CallNotPatchable), "The call is not a direct 5-byte call of this function whose bytes can be replaced by one store.");
    public static readonly Reason NotUnpatched = new(5105, nameof(NotUnpatched), "The live text is not what the module's file holds: somebody else changed it. Nothing is changed there.");
    public static readonly Reason HiddenWays = new(5106, nameof(HiddenWays), "The text does not show all ways that control takes through this module (static keys, faults that are handled), so that no version of its functions is made yet.");

    public static readonly Reason VersionTooLong = new(5201, nameof(VersionTooLong), "The encoded version is longer than the bound that was asked for; a bug in a layout, please report it.");
    public static readonly Reason UnknownId = new(5202, nameof(UnknownId), "Nothing that is installed has this number. List shows what there is.");
    public static readonly Reason NotInForce = new(5203, nameof(NotInForce), "It has been reverted, or its module was unloaded, and can no longer be switched or added to.");
    public static readonly Reason StubOutOfReach = new(5204, nameof(StubOutOfReach), "The region lies too far from the code that it must reach.");
    public static readonly Reason NoFullEntry = new(5205, nameof(NoFullEntry), "The version has no entry of its own for callers that are patched directly.");

    public static readonly Reason TextChangedByOthers = new(5301, nameof(TextChangedByOthers), "The text holds neither the original bytes nor ours: somebody else changed it after us. It is left as it is.");
    public static readonly Reason NotQuiescent = new(5302, nameof(NotQuiescent), "Some thread may still be in the old code or return to it; it stays until a later revert proves otherwise.");
    public static readonly Reason RecordImplausible = new(5303, nameof(RecordImplausible), "An undo record's original bytes are not those of the module's file; it is not used.");
    public static readonly Reason TextNotComparable = new(5304, nameof(TextNotComparable), "The module's file or its live text could not be read, so the two cannot be compared.");

    public static readonly Reason PointTaken = new(5401, nameof(PointTaken), "The instruction, or one that would have to be executed elsewhere for it, is changed already, or is to be for another place of these: a version, a probe. `kernopt list` shows what is in.");
    public static readonly Reason PointTooShort = new(5402, nameof(PointTooShort), "The instruction has one byte, and none before it in the same straight run is longer.");
    public static readonly Reason NoWayToPoint = new(5403, nameof(NoWayToPoint), "No instruction that would do is long enough for a jump inside one cache line, and no padding is within reach of a short one.");
    public static readonly Reason PointNotMovable = new(5404, nameof(PointNotMovable), "The instruction must stay where it is (a call through a pointer, a system call), and nothing before it in the same straight run can be replaced, nor all ways that lead there.");
    public static readonly Reason NoPoint = new(5405, nameof(NoPoint), "The places that were asked for hold no instruction: a function that never returns has no exit.");
    public static readonly Reason NotAnInstruction = new(5406, nameof(NotAnInstruction), "No instruction of the function begins at this offset. `kernopt inspect ... FUNC` lists them.");
    public static readonly Reason ConditionalExit = new(5407, nameof(ConditionalExit), "The function leaves by a conditional jump, before which it is not known yet whether it leaves, or runs on into the next one without any: this exit is not counted.");
    public static readonly Reason UnreachedCode = new(5408, nameof(UnreachedCode), "Bytes of the function that no path from its entry reaches, such as landing pads of exceptions: their blocks are left out.");
    public static readonly Reason NoStone = new(5409, nameof(NoStone), "No instruction that would do is long enough for a jump inside one cache line, no padding is within reach of a short one, and a jump that the bytes behind it complete would lead to where something is mapped or must stay free, or need bytes that change; nor can all ways that lead there be led elsewhere.");
    public static readonly Reason PageTaken = new(5410, nameof(PageTaken), "The page that the jump would lead to was free when it was chosen and is no more. Nothing of it was changed; try again.");
    public static readonly Reason ServesAsDisplacement = new(5411, nameof(ServesAsDisplacement), "These bytes complete a jump that points before them have put in, and must stay as they are until it is taken out.");
}
