namespace KernOpt.Target;

/// <summary>5500–5599: code that is inserted at points. 8008 on: how it is written.</summary>
public static partial class Reasons
{
    public static readonly Reason ArgumentNotKnown = new(5501, nameof(ArgumentNotKnown), "Arguments are known where a function begins and nowhere else; name the register that holds the value at this place.");
    public static readonly Reason ReadNotProved = new(5502, nameof(ReadNotProved), "A read through a pointer must not fault the program: it is only made where the program reads the same bytes from the same register in the instructions that follow, or on the stack up to the return address.");
    public static readonly Reason CallerNotKnown = new(5503, nameof(CallerNotKnown), "How far the stack pointer is from the return address cannot be told at this place.");
    public static readonly Reason ProgramTooLarge = new(5504, nameof(ProgramTooLarge), "The expressions need more registers than there are, or have more than 400 parts.");

    public static readonly Reason NotTimed = new(5505, nameof(NotTimed), "An exit of the function cannot be held together with its entry: it jumps back to its first instruction, is entered in its middle by other code, has an exit that takes no probe, or is too short.");

    public static readonly Reason BadExpression = new(8008, nameof(BadExpression), "An expression cannot be read. `src/docs/probes.md` has the language.");
    public static readonly Reason WrongType = new(8009, nameof(WrongType), "The parts of an expression do not fit together: a value where a condition is needed or the reverse, signed with unsigned, or a shift by something else than a number from 0 to 63.");
    public static readonly Reason BadAction = new(8010, nameof(BadAction), "An action is count, fast-count, time, values(VALUE, ...), trace or trace(VALUE, ...); time is of whole functions.");
}
