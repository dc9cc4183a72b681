namespace KernOpt.Target;

/// <summary>5500–5599: code that is inserted at points. 8008 on: how it is written.</summary>
public static partial class Reasons
{
    public static readonly Reason ArgumentNotKnown = new(5501, nameof(ArgumentNotKnown), "Arguments are known where a function begins and nowhere else; name the register that holds the value at this place.");
    public static readonly Reason ReadNotProved = new(5502, nameof(ReadNotProved), "A read through a pointer must not fault the program: it is only made where the program reads the same bytes from the same register in the instructions that follow, on the stack up to the return address, or in data of its own module; --system-calls has the kernel read what is not proved.");
    public static readonly Reason CallerNotKnown = new(5503, nameof(CallerNotKnown), "How far the stack pointer is from the return address cannot be told at this place.");
    public static readonly Reason ProgramTooLarge = new(5504, nameof(ProgramTooLarge), "The expressions need more registers than there are, or have more than 400 parts.");

    public static readonly Reason NotTimed = new(5505, nameof(NotTimed), "An exit of the function cannot be held together with its entry: it jumps back to its first instruction, is entered in its middle by other code, has an exit that takes no probe, or is too short.");

    public static readonly Reason SystemCallsNotAllowed = new(5506, nameof(SystemCallsNotAllowed), "This needs system calls that the inserted code makes in the target's threads: say --system-calls to allow them.");
    public static readonly Reason CallsMayBeFiltered = new(5507, nameof(CallsMayBeFiltered), "A thread of the target has a filter of system calls (seccomp), which may end it for one that the program does not make itself.");
    public static readonly Reason NoHardwareCounter = new(5508, nameof(NoHardwareCounter), "This machine, or what it allows this user, has no such hardware counter: perf_event_open refuses it.");
    public static readonly Reason HardwareNotCounted = new(5509, nameof(HardwareNotCounted), "The machine has this hardware counter, but inserted code cannot read it yet; `perf stat` can.");
    public static readonly Reason DataNotFound = new(5510, nameof(DataNotFound), "No module has one variable of this name, or several have: name it as 'MODULE!NAME'. Stripped files keep only the names that other modules use.");
    public static readonly Reason MarksApart = new(5511, nameof(MarksApart), "What threads have passed is known to places that are put in together: so inside(FUNC), and where a flag is set or cleared, must lie in the module of the places that ask, with at most 2,048 places in all, and a flag must be set somewhere. All of these must take code, and the function must not jump back to its first instruction.");
    public static readonly Reason StackMayBeNew = new(5512, nameof(StackMayBeNew), "The function makes a system call, behind which a new thread may come out on an empty stack: `stack` copies at its entry alone.");

    public static readonly Reason BadExpression = new(8008, nameof(BadExpression), "An expression cannot be read. `src/docs/probes.md` has the language.");
    public static readonly Reason WrongType = new(8009, nameof(WrongType), "The parts of an expression do not fit together: a value where a condition is needed or the reverse, signed with unsigned, or a shift by something else than a number from 0 to 63.");
    public static readonly Reason BadAction = new(8010, nameof(BadAction), "An action is count, locked-count, fast-count, time, cpu-time, values(VALUE, ...), trace, trace(VALUE, ...), check(CONDITION), stack, break or hw(EVENT); time is of whole functions.");
}
