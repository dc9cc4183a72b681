namespace KernOpt.Target;

public static partial class Reasons
{
    public static readonly Reason SiteNotInEntryBlock = new(2201, nameof(SiteNotInEntryBlock),
        "The place of the redirection is not an instruction of the function's entry block; choose an instruction that runs once per call.");

    public static readonly Reason UncopyableInstruction = new(2202, nameof(UncopyableInstruction),
        "An instruction means something else at another address (xbegin, eip-relative, a call into the function's own middle); the function stays as it is.");

    public static readonly Reason IncompleteGraph = new(2203, nameof(IncompleteGraph),
        "A block's end has no resolved successor, so the function cannot be copied; it stays as it is.");

    public static readonly Reason OperandOutOfReach = new(2204, nameof(OperandOutOfReach),
        "A call, jump or rip-relative operand of the moved code would have to reach further than 2 GiB; the region must lie nearer to the module.");

    public static readonly Reason TableOutOfReach = new(2205, nameof(TableOutOfReach),
        "The function finds its jump table by a 32-bit address and the copy's own table lies above that; a region in the low 2 GiB would do.");

    public static readonly Reason TableBaseLost = new(2206, nameof(TableBaseLost),
        "The instruction that holds a jump table's address is missing from the copy or serves two different tables; a bug in a pass, please report it.");

    public static readonly Reason NotEncodable = new(2207, nameof(NotEncodable),
        "An instruction of the body cannot be encoded; the function stays as it is.");

    public static readonly Reason EncodingMismatch = new(2208, nameof(EncodingMismatch),
        "The encoded bytes, decoded again, do not say what the body says; nothing is installed. Please report the function.");

    public static readonly Reason BrokenBody = new(2209, nameof(BrokenBody),
        "The control-flow graph that a pass left breaks a structural rule; a bug in a pass, please report it.");
}
