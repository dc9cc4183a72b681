namespace KernOpt.Validate.Sandboxing;

/// <summary>
/// One page of the sandbox: its slot in the shared memory file and what it holds at the start of every run. IsOpen: mapped writable by now; only then
/// can its content differ from the baseline.
/// </summary>
internal sealed class SandboxPage(ulong address, int slot, byte[] baseline, bool mayWrite)
{
    public ulong Address { get; } = address;
    public int Slot { get; } = slot;
    public byte[] Baseline { get; } = baseline;
    public bool MayWrite { get; } = mayWrite;
    public bool IsOpen { get; set; }
}
